import {
  DEFAULT_BREAKER,
  DEFAULT_WEIGHT,
  EACH_TENANT,
  type LimitChange,
  type Limits,
  type LimitScope,
  type LimitSource,
  type LimitState,
  type StoredLimits,
} from '@cgk/jobs-core'

type Effective = LimitState['effective']

interface Entry {
  readonly scope: LimitScope
  readonly said: Record<LimitSource, Limits>
}

const NOTHING: Readonly<Record<LimitSource, Limits>> = Object.freeze({
  operator: Object.freeze({}),
  directory: Object.freeze({}),
})

/** What was said about the scopes of one queue, and what of it applies. */
export class LimitBook {
  readonly #queue: string
  readonly #entries = new Map<string, Entry>()

  constructor(queue: string) {
    this.#queue = queue
  }

  /** Whether nothing was said about anything. */
  get isEmpty(): boolean {
    return this.#entries.size === 0
  }

  change({ scope, source, limits }: LimitChange): void {
    const name = nameOf(scope)
    const { said } = this.#entries.get(name) ?? { said: NOTHING }
    const after = { ...said, [source]: merge(said[source], limits) }
    if (isEmpty(after.operator) && isEmpty(after.directory)) this.#entries.delete(name)
    else this.#entries.set(name, { scope: { ...scope }, said: after })
  }

  /** What was said about that very scope. */
  said(scope: LimitScope): StoredLimits {
    return { scope, ...(this.#entries.get(nameOf(scope))?.said ?? NOTHING) }
  }

  /** What applies to a scope. */
  effective(scope: LimitScope): Effective {
    const own = this.said(scope)
    const isTenants = scope.tenantId !== undefined && scope.tenantId !== EACH_TENANT
    const each = isTenants ? this.said({ ...scope, tenantId: EACH_TENANT }) : NOTHING
    const layers = [own.operator, own.directory, each.operator, each.directory]
    const isLane = scope.limiter === undefined && scope.key === undefined
    const weight = isLane && scope.tenantId !== undefined ? first(layers, 'weight') : undefined
    const concurrency = limitOf(first(layers, 'concurrency'))
    const rate = limitOf(first(layers, 'rate'))
    const backlog = limitOf(first(layers, 'backlog'))
    const breaker =
      scope.limiter === undefined ? undefined : limitOf(first(layers, 'breaker') ?? DEFAULT_BREAKER)
    return {
      ...(isLane && scope.tenantId !== undefined && { weight: weight ?? DEFAULT_WEIGHT }),
      ...(concurrency !== undefined && { concurrency }),
      ...(rate !== undefined && { rate }),
      ...(backlog !== undefined && { backlog }),
      ...(breaker !== undefined && { breaker }),
      paused:
        own.operator.paused === true ||
        each.operator.paused === true ||
        (own.directory.paused ?? each.directory.paused ?? false),
    }
  }

  /** Whether something was said that applies to a key of a tenant. */
  concernsKey(tenantId: string | null, key: string): boolean {
    if (this.isEmpty) return false
    const scope = { queue: this.#queue, tenantId, key }
    return (
      this.#entries.has(nameOf(scope)) ||
      this.#entries.has(nameOf({ ...scope, tenantId: EACH_TENANT }))
    )
  }

  /** One page of what was said, in an order of names. */
  list(
    tenantId: string | null | undefined,
    limit: number,
    after: string | undefined,
  ): { readonly limits: readonly StoredLimits[]; readonly nextCursor: string | null } {
    const names = [...this.#entries.keys()].sort()
    const limits: StoredLimits[] = []
    let last: string | null = null
    for (const name of names) {
      if (after !== undefined && name <= after) continue
      const { scope, said } = this.#entries.get(name)!
      if (tenantId !== undefined && scope.tenantId !== tenantId) continue
      if (limits.length >= limit) return { limits, nextCursor: last }
      limits.push({ scope, ...said })
      last = name
    }
    return { limits, nextCursor: null }
  }
}

function merge(before: Limits, change: LimitChange['limits']): Limits {
  const said = Object.entries(change).filter(([, value]) => value !== undefined)
  const after = Object.entries({ ...before, ...Object.fromEntries(said) })
  return Object.freeze(Object.fromEntries(after.filter(([, value]) => value !== null)))
}

function first<L extends keyof Limits>(layers: readonly Limits[], name: L): Limits[L] | undefined {
  return layers.find((layer) => layer[name] !== undefined)?.[name]
}

function limitOf<T>(said: T | 'none' | undefined): T | undefined {
  return said === 'none' ? undefined : (said as T | undefined)
}

function isEmpty(limits: Limits): boolean {
  return Object.keys(limits).length === 0
}

/** The same for the same scope, whatever the order of its properties. */
function nameOf({ tenantId, limiter, key }: LimitScope): string {
  const tenant = tenantId === undefined ? 'q' : tenantId === null ? 'n' : `t${tenantId}`
  return JSON.stringify([tenant, limiter ?? null, key ?? null])
}
