import {
  EACH_TENANT,
  type CallOptions,
  type JobControls,
  type LimitChange,
  type Limits,
  type LimitScope,
  type LimitState,
  type StoredLimits,
} from '@cgk/jobs-core'
import type { FunctionsCaller } from '../functions-caller.ts'
import type { QueueRegistry } from '../queue-registry.ts'
import type { Shards } from '../shards.ts'
import { checkShares, shareOf, wholeOf, wholeState } from './queue-limits.ts'

/**
 * Changes what is said about scopes, of one queue as a rule; of several all or none as well, but on a
 * cluster shard by shard.
 */
export async function setLimits(
  caller: FunctionsCaller,
  registry: QueueRegistry,
  changes: readonly LimitChange[],
  options?: CallOptions,
): Promise<void> {
  if (changes.length === 0) return
  const { count } = caller.shards
  for (const { scope, limits } of changes) {
    if (scope.tenantId === undefined) checkShares(scope.queue, limits, count)
  }
  await registry.add([...new Set(changes.map(({ scope }) => scope.queue))], options)
  const byShard = new Map<string, LimitChange[]>()
  for (const change of changes) {
    const { scope, limits } = change
    for (const [index, shard] of shardsOf(caller.shards, scope).entries()) {
      const share = scope.tenantId === undefined ? shareOf(limits, index, count) : limits
      byShard.set(shard, [...(byShard.get(shard) ?? []), { ...change, limits: share }])
    }
  }
  await Promise.all(
    caller.partsOf([...byShard]).map(async (part) => {
      const args = part.flatMap(([, ofShard]) => [
        String(ofShard.length),
        ...ofShard.flatMap(changeArguments),
      ])
      const shards = part.map(([shard]) => shard)
      const reply = (await caller.call('setLimits', shards, args, options)) as readonly number[]
      for (const [index, shard] of shards.entries()) {
        // Until every tenant's lane keeps to it, a claim might not.
        for (let left: unknown = reply[index]; left !== 0;) {
          left = await caller.call('applyLimits', [shard], [], options)
        }
      }
    }),
  )
}

/** What was said about scopes, what applies and how they stand. */
export async function getLimits(
  caller: FunctionsCaller,
  scopes: readonly LimitScope[],
  options?: CallOptions,
): Promise<readonly LimitState[]> {
  const asked = scopes.flatMap((scope, place) =>
    shardsOf(caller.shards, scope).map((shard) => ({ scope, place, shard })),
  )
  const states = scopes.map((): LimitState[] => [])
  await Promise.all(
    [...Map.groupBy(asked, ({ shard }) => shard)].map(async ([shard, ofShard]) => {
      const names = ofShard.flatMap(({ scope }) => scopeName(scope))
      const reply = await caller.call('getLimits', [shard], names, options)
      for (const [index, text] of (reply as readonly string[]).entries()) {
        const { scope, place } = ofShard[index]!
        const state = JSON.parse(text) as Omit<LimitState, 'scope' | 'breaker'> & {
          readonly breaker?: LimitState['breaker']
        }
        states[place]!.push({ breaker: null, ...state, scope })
      }
    }),
  )
  return states.map((ofScope) => (isOfQueue(ofScope[0]!) ? wholeState(ofScope) : ofScope[0]!))
}

/** One page of what was said, in an order of names. */
export async function listLimits(
  caller: FunctionsCaller,
  { queue, tenantId, limit, cursor }: Parameters<JobControls['listLimits']>[0],
  options?: CallOptions,
): ReturnType<JobControls['listLimits']> {
  const replies = await Promise.all(
    caller.shards.all(queue).map((shard) => caller.call('listLimits', [shard], [], options)),
  )
  const byName = new Map<string, StoredLimits[]>()
  for (const [name, said] of (
    replies as readonly (readonly (readonly [string, string])[])[]
  ).flat()) {
    byName.set(name, [...(byName.get(name) ?? []), toStored(queue, name, said)])
  }
  const entries = [...byName]
    .filter(([name]) => cursor === undefined || name > cursor)
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, ofShards]) => ({ name, stored: wholeStored(ofShards) }))
    .filter(({ stored }) => tenantId === undefined || stored.scope.tenantId === tenantId)
  const page = entries.slice(0, limit)
  return {
    limits: page.map(({ stored }) => stored),
    nextCursor: entries.length > limit ? page.at(-1)!.name : null,
  }
}

/** Whether that scope itself is paused. */
export async function isPaused(
  caller: FunctionsCaller,
  scope: LimitScope,
  options?: CallOptions,
): Promise<boolean> {
  const [shard] = shardsOf(caller.shards, scope)
  return (await caller.call('isPaused', [shard!], scopeName(scope), options)) === 1
}

/** Where something is said about a scope: in the tenant's shard; in all, if it is not about one tenant. */
function shardsOf(shards: Shards, { queue, tenantId }: LimitScope): readonly string[] {
  const isOfMany = tenantId === undefined || tenantId === EACH_TENANT
  return isOfMany ? shards.all(queue) : [shards.of(queue, tenantId)]
}

function isOfQueue({ scope }: Pick<StoredLimits, 'scope'>): boolean {
  return scope.tenantId === undefined
}

function wholeStored(ofShards: readonly StoredLimits[]): StoredLimits {
  const [first] = ofShards as readonly [StoredLimits]
  if (!isOfQueue(first)) return first
  return {
    scope: first.scope,
    operator: wholeOf(ofShards.map(({ operator }) => operator)),
    directory: wholeOf(ofShards.map(({ directory }) => directory)),
  }
}

/** A scope as `lua/limits.ts` names it: whose it is, and what of it. */
function scopeName({ tenantId, limiter, key }: LimitScope): [string, string] {
  const mark = tenantId === undefined ? 'q' : tenantId === null ? 'n' : `t${tenantId}`
  if (limiter !== undefined) return [mark, `l${limiter}`]
  return [mark, key === undefined ? '' : `k${key}`]
}

function changeArguments({ scope, source, limits }: LimitChange): string[] {
  const { queue: _, ...rest } = scope
  // The same text for the same scope, whatever the order of its properties.
  const text = JSON.stringify(rest, ['tenantId', 'limiter', 'key'])
  return [...scopeName(scope), text, source, JSON.stringify(limits)]
}

function toStored(queue: string, scopeText: string, said: string): StoredLimits {
  const { operator, directory } = JSON.parse(said) as { operator: Limits; directory: Limits }
  return { scope: { queue, ...(JSON.parse(scopeText) as object) }, operator, directory }
}
