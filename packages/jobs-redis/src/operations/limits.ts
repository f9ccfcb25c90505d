import type {
  CallOptions,
  JobControls,
  LimitChange,
  Limits,
  LimitScope,
  LimitState,
  StoredLimits,
} from '@cgk/jobs-core'
import type { FunctionsCaller } from '../functions-caller.ts'
import type { QueueRegistry } from '../queue-registry.ts'
import { perQueue } from './per-queue.ts'

/**
 * Changes what is said about scopes, of one queue as a rule; of several all or none as well, but on a
 * cluster queue by queue.
 */
export async function setLimits(
  caller: FunctionsCaller,
  registry: QueueRegistry,
  changes: readonly LimitChange[],
  options?: CallOptions,
): Promise<void> {
  if (changes.length === 0) return
  const queues = [...new Set(changes.map(({ scope }) => scope.queue))]
  await registry.add(queues, options)
  await Promise.all(
    caller.partsOf(queues).map(async (part) => {
      const args = part.flatMap((queue) => {
        const ofQueue = changes.filter(({ scope }) => scope.queue === queue)
        return [String(ofQueue.length), ...ofQueue.flatMap(changeArguments)]
      })
      const reply = (await caller.call('setLimits', part, args, options)) as readonly number[]
      for (const [index, queue] of part.entries()) {
        // Until every tenant's lane keeps to it, a claim might not.
        for (let left: unknown = reply[index]; left !== 0;) {
          left = await caller.call('applyLimits', [queue], [], options)
        }
      }
    }),
  )
}

/** What was said about scopes, what applies and how they stand. */
export function getLimits(
  caller: FunctionsCaller,
  scopes: readonly LimitScope[],
  options?: CallOptions,
): Promise<readonly LimitState[]> {
  return perQueue(scopes, async (queue, ofQueue) => {
    const reply = await caller.call('getLimits', [queue], ofQueue.flatMap(scopeName), options)
    return (reply as readonly string[]).map((text, index) => {
      const state = JSON.parse(text) as Omit<LimitState, 'scope' | 'breaker'> & {
        readonly breaker?: LimitState['breaker']
      }
      return { breaker: null, ...state, scope: ofQueue[index]! }
    })
  })
}

/** One page of what was said, in an order of names. */
export async function listLimits(
  caller: FunctionsCaller,
  { queue, tenantId, limit, cursor }: Parameters<JobControls['listLimits']>[0],
  options?: CallOptions,
): ReturnType<JobControls['listLimits']> {
  const reply = await caller.call('listLimits', [queue], [], options)
  const entries = (reply as readonly (readonly [string, string])[])
    .map(([scopeText, said]) => ({ name: scopeText, said }))
    .filter(({ name }) => cursor === undefined || name > cursor)
    .toSorted((a, b) => (a.name < b.name ? -1 : 1))
    .map(({ name, said }) => ({ name, stored: toStored(queue, name, said) }))
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
  return (await caller.call('isPaused', [scope.queue], scopeName(scope), options)) === 1
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
