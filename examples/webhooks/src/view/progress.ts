import type { JobCounts, JobQueue } from '@cgk/jobs'

/** How far one tenant's jobs are. */
export interface TenantProgress {
  readonly tenantId: string
  readonly done: number
  readonly running: number
  readonly waiting: number
  readonly retrying: number
  readonly failed: number
  /** How many jobs it will have had in the end. */
  readonly expected: number
}

/** The numbers that both a tenant and all of them together have. */
type Standings = Omit<TenantProgress, 'tenantId' | 'expected'>

/** How far the run is. */
export interface Progress {
  readonly elapsedMs: number
  /** Whether the worker has been told to stop. */
  readonly isDraining: boolean
  readonly tenants: readonly TenantProgress[]
}

/** Asks the store how far each tenant is. */
export function readProgress(
  queue: JobQueue,
  expected: ReadonlyMap<string, number>,
): Promise<readonly TenantProgress[]> {
  return Promise.all(
    [...expected].map(async ([tenantId, jobs]) => ({
      tenantId,
      expected: jobs,
      ...progressOf(await queue.counts({ tenantId })),
    })),
  )
}

function progressOf(counts: JobCounts): Standings {
  return {
    done: counts.completed,
    running: counts.running,
    waiting: counts.pending + counts.scheduled,
    retrying: counts.retrying,
    failed: counts.failed,
  }
}

/** The tenants' progress as one. */
export function totalOf(tenants: readonly TenantProgress[]): Standings {
  const sum = (pick: (tenant: TenantProgress) => number): number =>
    tenants.reduce((total, tenant) => total + pick(tenant), 0)
  return {
    done: sum(({ done }) => done),
    running: sum(({ running }) => running),
    waiting: sum(({ waiting }) => waiting),
    retrying: sum(({ retrying }) => retrying),
    failed: sum(({ failed }) => failed),
  }
}
