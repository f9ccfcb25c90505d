import type { CallOptions, JobControls, TenantStanding } from '@cgk/jobs-core'
import { tenantText } from '../encode-job.ts'
import type { FunctionsCaller } from '../functions-caller.ts'
import { perShard } from './per-shard.ts'

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
    tenantId === undefined ? await tenantsOf(caller, queue, options) : [tenantText(tenantId)]
  const names = all.filter((name) => cursor === undefined || name > cursor).toSorted(byUnits)
  const tenants: TenantStanding[] = []
  for (let from = 0; from < names.length && tenants.length <= limit; from += MOST_ASKED) {
    const asked = names.slice(from, from + Math.min(MOST_ASKED, 2 * limit + 1))
    const refs = asked.map((name) => ({ queue, tenantId: name || null, name }))
    const standings = await perShard(caller.shards, refs, async (shard, ofShard) => {
      const names = ofShard.map(({ name }) => name)
      const reply = await caller.call('tenants', [shard], names, options)
      // Of a shard that has never had a job the answer is empty.
      return names.map((_, index) => (reply as readonly (0 | Standing)[])[index] ?? 0)
    })
    tenants.push(...standingsOf(asked, standings))
  }
  const page = tenants.slice(0, limit)
  return {
    tenants: page,
    nextCursor: tenants.length > limit ? tenantText(page.at(-1)!.tenantId) : null,
  }
}

async function tenantsOf(
  caller: FunctionsCaller,
  queue: string,
  options: CallOptions | undefined,
): Promise<readonly string[]> {
  const replies = await Promise.all(
    caller.shards.all(queue).map((shard) => caller.call('tenants', [shard], [], options)),
  )
  return (replies as readonly (readonly string[])[]).flat()
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
