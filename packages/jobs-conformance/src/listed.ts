import type { JobRecord } from '@cgk/jobs-core'

/** A record that `get` returned as every other call shows it: without what `get` alone fills in. */
export function listed(record: JobRecord): JobRecord {
  return { ...record, log: [], failures: [], effects: null }
}
