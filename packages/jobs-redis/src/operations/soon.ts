import type { CallOptions } from '@cgk/jobs-core'
import { within } from '../deadline.ts'

/** How long a shard may take to answer, where there are others to ask. */
const VISIT_MS = 1_000

/** The options of a call that leaves time for others before the signal aborts. */
export function soon({ signal }: CallOptions = {}): CallOptions {
  return { signal: within(VISIT_MS, signal) }
}
