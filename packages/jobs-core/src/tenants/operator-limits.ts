import { EACH_TENANT, type LimitScope, type Limits, type StoredLimits } from '../storage/limits.ts'
import { limitChanges, type SaidLimits } from './directory-limits.ts'
import type { QueuePlace } from './queue-routes.ts'

const PAGE = 1_000

/** The parts of a queue about which an operator speaks in every store alike. */
const SHARED = [undefined, EACH_TENANT] as const

/** Makes an operator's words about the whole queue, and about each tenant, those of the default store. */
export async function followLimits(first: QueuePlace, other: QueuePlace): Promise<void> {
  if (first.store === other.store) return
  for (const whose of SHARED) await copyOperatorLimits(first, other, whose)
}

/** Makes an operator's words about a tenant those of the store in which it was before. */
export function bringLimits(from: QueuePlace, to: QueuePlace, tenantId: string): Promise<void> {
  return copyOperatorLimits(from, to, tenantId)
}

async function copyOperatorLimits(
  from: QueuePlace,
  to: QueuePlace,
  whose: string | undefined,
): Promise<void> {
  const [wanted, stored] = await Promise.all([statedIn(from, whose), statedIn(to, whose)])
  const { session } = to.parts
  const limits = wanted.map(({ scope, operator }): SaidLimits => ({
    scope,
    limits: withoutPause(operator),
  }))
  const before = stored.map((stated) => ({ ...stated, operator: withoutPause(stated.operator) }))
  const changes = limitChanges('operator', limits, before)
  if (changes.length > 0) {
    await session.call('setLimits', (call) => to.store.setLimits(changes, call))
  }
  const paused = new Map(stored.filter(isPaused).map(({ scope }) => [keyOf(scope), scope]))
  for (const { scope } of wanted.filter(isPaused)) {
    if (paused.delete(keyOf(scope))) continue
    await session.call('pause', (call) => to.store.pause(scope, call))
  }
  for (const scope of paused.values()) {
    await session.call('resume', (call) => to.store.resume(scope, call))
  }
}

/** What is said about a tenant and its parts; of no tenant, about the queue itself. */
async function statedIn(
  { parts: { name: queue, session }, store }: QueuePlace,
  whose: string | undefined,
): Promise<readonly StoredLimits[]> {
  if (whose === undefined) {
    return session.call('getLimits', (call) => store.getLimits([{ queue }], call))
  }
  const stated: StoredLimits[] = []
  let cursor: string | null | undefined
  while (cursor !== null) {
    const request = {
      queue,
      tenantId: whose,
      limit: PAGE,
      ...(cursor !== undefined && { cursor }),
    }
    const page = await session.call('listLimits', (call) => store.listLimits(request, call))
    stated.push(...page.limits)
    cursor = page.nextCursor
  }
  return stated
}

function withoutPause(limits: Limits): Limits {
  return Object.fromEntries(Object.entries(limits).filter(([name]) => name !== 'paused'))
}

function isPaused({ operator }: StoredLimits): boolean {
  return operator.paused === true
}

function keyOf({ tenantId, limiter, key }: LimitScope): string {
  return JSON.stringify([tenantId ?? null, limiter ?? null, key ?? null])
}
