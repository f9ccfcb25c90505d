import type { JobStore } from '@cgk/jobs-core'
import type { OpenStore } from '../harness.ts'

/** The store that the commands drive: one set of data, seen through several handles. */
export interface RealStore {
  readonly open: OpenStore
  readonly handles: readonly JobStore[]
}

/** The handle a command goes through. */
export function handleOf(real: RealStore, index: number): JobStore {
  return real.handles[index % real.handles.length]!
}
