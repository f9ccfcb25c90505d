import type { JobCounts, JobQueue } from '@cgk/jobs'
import { OUTSIDE_API } from '../tenants/directory-file.ts'

/** How far one tenant's jobs are. */
export interface TenantProgress {
  readonly tenantId: string
  readonly done: number
  readonly running: number
  readonly waiting: number
  readonly failed: number
  /** How many jobs it will have had in the end. */
  readonly expected: number
  /** Which part of all starts it had, from 0 to 1. */
  readonly share: number
  /** How long the job that has been due longest has waited; `null` where none is due. */
  readonly waitMs: number | null
  /** What keeps its jobs back; `null` for nothing. */
  readonly limit: string | null
}

/** The numbers that both a tenant and all of them together have. */
type Standings = Pick<TenantProgress, 'done' | 'running' | 'waiting' | 'failed'>

/** How far the run is. */
export interface Progress {
  readonly elapsedMs: number
  /** Whether the worker has been told to stop. */
  readonly isDraining: boolean
  readonly tenants: readonly TenantProgress[]
}

/** Asks the store how far each tenant is. */
export async function readProgress(
  queue: JobQueue,
  expected: ReadonlyMap<string, number>,
  shareOf: (tenantId: string) => number,
): Promise<readonly TenantProgress[]> {
  const loads = new Map((await queue.tenants()).map((load) => [load.tenantId, load]))
  return Promise.all(
    [...expected].map(async ([tenantId, jobs]) => ({
      tenantId,
      expected: jobs,
      share: shareOf(tenantId),
      waitMs: loads.get(tenantId)?.oldestAgeMs ?? null,
      limit: loads.get(tenantId)?.paused === true ? 'suspended' : await apiLimit(queue, tenantId),
      ...standingsOf(await queue.counts({ tenantId })),
    })),
  )
}

/** What the outside API's limiter of a tenant says. */
async function apiLimit(queue: JobQueue, tenantId: string): Promise<string | null> {
  const { applies, opensInMs } = await queue.limits({ tenantId, limiter: OUTSIDE_API })
  if (opensInMs === 0 || applies.rate === undefined) return null
  const { limit, period } = applies.rate
  // Its turn comes every millisecond or so; longer is a pause that the API asked for.
  if (opensInMs > (2 * period) / limit) return `API in ${(opensInMs / 1000).toFixed(1)} s`
  return `API ${limit}/s`
}

function standingsOf(counts: JobCounts): Standings {
  return {
    done: counts.completed,
    running: counts.running,
    waiting: counts.pending + counts.scheduled + counts.retrying,
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
    failed: sum(({ failed }) => failed),
  }
}
