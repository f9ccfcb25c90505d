import type { CallOptions, JobControls, TenantStanding } from '@cgk/jobs-core'
import { tenantText } from '../encode-job.ts'
import type { FunctionsCaller } from '../functions-caller.ts'

type Standing = readonly [leased: number, waiting: number, isPaused: number, oldestDueAt: string]

/** How many tenants one call asks about. */
const MOST_ASKED = 500

/** One page of the tenants of a queue that have something to do, by their ids, nobody's jobs first. */
export async function listTenants(
  caller: FunctionsCaller,
  { queue, tenantId, limit, cursor }: Parameters<JobControls['listTenants']>[0],
  options?: CallOptions,
): ReturnType<JobControls['listTenants']> {
  const all =
    tenantId === undefined
      ? ((await caller.call('tenants', [queue], [], options)) as readonly string[])
      : [tenantText(tenantId)]
  const names = all.filter((name) => cursor === undefined || name > cursor).toSorted(byUnits)
  const tenants: TenantStanding[] = []
  for (let from = 0; from < names.length && tenants.length <= limit; from += MOST_ASKED) {
    const asked = names.slice(from, from + Math.min(MOST_ASKED, 2 * limit + 1))
    const reply = await caller.call('tenants', [queue], asked, options)
    tenants.push(...standingsOf(asked, reply as readonly (0 | Standing)[]))
  }
  const page = tenants.slice(0, limit)
  return {
    tenants: page,
    nextCursor: tenants.length > limit ? tenantText(page.at(-1)!.tenantId) : null,
  }
}

function standingsOf(
  names: readonly string[],
  standings: readonly (0 | Standing)[],
): TenantStanding[] {
  return standings.flatMap((standing, index) => {
    if (standing === 0) return []
    const [leased, waiting, isPaused, oldestDueAt] = standing
    return {
      tenantId: names[index] || null,
      leased,
      waiting,
      oldestDueAt: oldestDueAt === '' ? null : Number(oldestDueAt),
      paused: isPaused === 1,
    }
  })
}

function byUnits(a: string, b: string): number {
  return a < b ? -1 : 1
}
