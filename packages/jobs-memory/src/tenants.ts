import type { LimitScope, LimitState, TenantStanding } from '@cgk/jobs-core'
import { EACH_TENANT } from '@cgk/jobs-core'
import type { Lane } from './lane.ts'
import type { QueueState } from './queue-state.ts'
import { PENDING, RETRYING, SCHEDULED } from './standing.ts'

/** One page of the tenants of a queue that have something to do, by their ids, nobody's jobs first. */
export function listTenants(
  queue: QueueState,
  { limit, cursor }: { readonly limit: number; readonly cursor?: string },
  now: number,
): { readonly tenants: readonly TenantStanding[]; readonly nextCursor: string | null } {
  queue.promote(now)
  const lanes = [...queue.lanes]
    .filter((lane) => lane.waiting > 0 || lane.allowance.leased > 0)
    .filter((lane) => cursor === undefined || nameOf(lane) > cursor)
    .sort((a, b) => (nameOf(a) < nameOf(b) ? -1 : 1))
  const page = lanes.slice(0, limit)
  const oldest = oldestDueOf(queue, new Set(page), now)
  return {
    tenants: page.map((lane) => ({
      tenantId: lane.tenantId,
      leased: lane.allowance.leased,
      waiting: lane.waiting,
      oldestDueAt: oldest.get(lane) ?? null,
      paused: lane.allowance.paused,
    })),
    nextCursor: lanes.length > limit ? nameOf(page.at(-1)!) : null,
  }
}

/** What was said about a scope, what applies and how it stands. */
export function limitStateOf(queue: QueueState, scope: LimitScope, now: number): LimitState {
  queue.promote(now)
  const allowance = scope.tenantId === EACH_TENANT ? undefined : queue.allowanceOf(scope)
  const opensAt = allowance?.clearsAt ?? 0
  return {
    ...queue.limits.said(scope),
    effective: queue.limits.effective(scope),
    leased: allowance?.leased ?? leasedOfKey(queue, scope),
    opensInMs: Math.max(0, opensAt - now),
    breaker: scope.limiter === undefined ? null : (allowance?.breakerState(now) ?? 'closed'),
  }
}

function leasedOfKey(queue: QueueState, { tenantId, key }: LimitScope): number {
  if (tenantId === undefined || key === undefined) return 0
  const gates = queue.findLane(tenantId)?.gatesOf(key) ?? []
  return gates.reduce((sum, { held }) => sum + held, 0)
}

// An order in which nobody's jobs come first: no tenant id is empty.
function nameOf({ tenantId }: Lane): string {
  return tenantId ?? ''
}

function oldestDueOf(
  queue: QueueState,
  lanes: ReadonlySet<Lane>,
  now: number,
): ReadonlyMap<Lane, number> {
  const oldest = new Map<Lane, number>()
  for (const { lane, runAt, standing } of queue.newestFirst(Infinity)) {
    const isWaiting = standing === PENDING || standing === SCHEDULED || standing === RETRYING
    if (!isWaiting || runAt > now || !lanes.has(lane)) continue
    oldest.set(lane, Math.min(runAt, oldest.get(lane) ?? Infinity))
  }
  return oldest
}
