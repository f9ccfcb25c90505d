import type { JobControls, LimitScope, LimitState, TenantStanding } from '@cgk/jobs-core'
import { EACH_TENANT } from '@cgk/jobs-core'
import type { Lane } from './lane.ts'
import type { QueueState } from './queue-state.ts'
import { PENDING, RETRYING, SCHEDULED } from './standing.ts'

/** One page of the tenants of a queue that have something to do, by their ids, nobody's jobs first. */
export function listTenants(
  queue: QueueState,
  { tenantId, limit, cursor }: Parameters<JobControls['listTenants']>[0],
  now: number,
): { readonly tenants: readonly TenantStanding[]; readonly nextCursor: string | null } {
  queue.promote(now)
  const meant = tenantId === undefined ? [...queue.lanes] : [queue.findLane(tenantId)]
  const lanes = meant
    .filter((lane) => lane !== undefined)
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
  let left = 0
  for (const { waiting } of lanes) left += waiting
  if (left === 0) return oldest
  for (const { lane, runAt, standing } of queue.newestFirst(Infinity)) {
    const isWaiting = standing === PENDING || standing === SCHEDULED || standing === RETRYING
    if (!isWaiting || !lanes.has(lane)) continue
    if (runAt <= now) oldest.set(lane, Math.min(runAt, oldest.get(lane) ?? Infinity))
    left -= 1
    if (left === 0) break
  }
  return oldest
}
