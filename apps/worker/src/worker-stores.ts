import type { JobStore, TenantStores } from '@cgk/jobs-core'

/** The stores of a worker: one for each queue, or those of the directory's tenants for all. */
export interface WorkerStores {
  /** Where the jobs of a queue are; of one that the config does not list, as those of the first. */
  of(queue: string): JobStore | TenantStores
  /** The stores that are open, by name. */
  opened(): ReadonlyMap<string, JobStore>
  /** Whether a worker may begin when one of them answers: the others serve tenants of their own. */
  readonly oneIsEnough: boolean
  /** Closes all of them, whatever the others do; resolves with what went wrong. */
  close(): Promise<unknown[]>
}
