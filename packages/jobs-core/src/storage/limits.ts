/** Stands for each tenant by itself, the jobs without one included, where a scope names a tenant. */
export const EACH_TENANT = '*'

/**
 * Which part of a queue a limit or a pause governs. Each scope is within those named before it, and a
 * job may start only where all of its scopes let it:
 *
 * - `{ queue }`: all jobs of the queue together;
 * - with `tenantId`: those of one tenant (`null`: those without one). {@link EACH_TENANT} gives every
 *   tenant by itself what was not said for that very tenant;
 * - with `limiter` beside it: those of the tenant that name the limiter;
 * - with `key` beside the tenant: those of the tenant whose ordering or concurrency key it is.
 */
export interface LimitScope {
  readonly queue: string
  readonly tenantId?: string | null
  readonly limiter?: string
  readonly key?: string
}

/**
 * How often jobs may start: one each `periodMs / limit`, and up to `burst` at once after a rest. The
 * interval is rounded up to whole microseconds, so that in any window of `d` milliseconds at most
 * `burst + ⌊d · limit / periodMs⌋` start.
 *
 * It counts starts, retries included. A start that is given back keeps its token spent. The same rate
 * said again changes nothing; another one begins with what the one before has left, and keeps nothing
 * back for longer than if all of it were used up.
 *
 * @see GCRA, the generic cell rate algorithm (ITU-T I.371)
 */
export interface RateLimit {
  /** From 1 to `periodMs · 1000`. */
  readonly limit: number
  readonly periodMs: number
  /** From 1 to 1,000,000. */
  readonly burst: number
}

/**
 * When a limiter stops letting jobs start because what is behind it is down.
 *
 * It opens once `failures` attempts in a row have failed in a way that another attempt could mend: a
 * `retry`, or a `fail` whose error is retryable. Any other `fail`, an attempt that was given back and one
 * that was lost count neither way; a completion begins the row anew. Open, it lets nothing start for
 * `cooldownMs`, and then one job at a time: the first that completes closes it, the first that fails
 * opens it again.
 */
export interface Breaker {
  /** From 1 to 1,000,000. */
  readonly failures: number
  readonly cooldownMs: number
}

/** The breaker of a limiter about which nothing was said. */
export const DEFAULT_BREAKER: Breaker = Object.freeze({ failures: 10, cooldownMs: 30_000 })

/** The weight of a tenant about which nothing was said. */
export const DEFAULT_WEIGHT = 1

/**
 * What may be said about a scope. `'none'` says that there is no such limit, whatever is said elsewhere.
 */
export interface Limits {
  /**
   * The tenant's share of the starts, relative to the others that have something to start: a whole
   * number from 1 to 1,000. Of tenants alone.
   */
  readonly weight?: number
  /** How many jobs may be leased at a time, from 1 on; counted are leases, expired ones included. */
  readonly concurrency?: number | 'none'
  readonly rate?: RateLimit | 'none'
  /**
   * How many jobs may wait (pending, scheduled and retrying): an enqueue call that would make it more is
   * refused whole, see `backlogFull`. From 0 on; of tenants alone. A job that takes the place of one that
   * waits needs no room, one that is to follow the holder of its unique key does. Jobs that come of what
   * was accepted (follow-ups, callbacks of groups, ticks of schedules, retries) are never refused.
   */
  readonly backlog?: number | 'none'
  /** Of limiters alone. */
  readonly breaker?: Breaker | 'none'
  /** Nothing starts. Said by the directory alone; operators have `pause` and `resume`. */
  readonly paused?: boolean
}

/**
 * Who says it: an operator at run time, or the directory of tenants. Of each limit applies, of what was
 * said, the first: for the very scope by the operator, then by the directory; for each tenant by the
 * operator, then by the directory. Pauses add up: what an operator paused stays so, whatever the
 * directory says, and the other way round.
 */
export type LimitSource = 'operator' | 'directory'

/** A change of what one source says about one scope: what is absent stays, `null` takes it back. */
export interface LimitChange {
  readonly scope: LimitScope
  readonly source: LimitSource
  readonly limits: { readonly [L in keyof Limits]?: Limits[L] | null }
}

/** What was said about a scope. */
export interface StoredLimits {
  readonly scope: LimitScope
  readonly operator: Limits
  readonly directory: Limits
}

/** What was said about a scope, what applies to it, and how it stands. */
export interface LimitState extends StoredLimits {
  /** What applies; absent where there is no limit. `paused` tells of this scope, not of those above. */
  readonly effective: Pick<Limits, 'weight'> & {
    readonly concurrency?: number
    readonly rate?: RateLimit
    readonly backlog?: number
    readonly breaker?: Breaker
    readonly paused: boolean
  }
  /** Jobs leased now, cancelled ones that a worker still holds and expired leases included. */
  readonly leased: number
  /** Milliseconds until the rate, a pause of the limiter or its breaker lets a job start; 0 for now. */
  readonly opensInMs: number
  /** Of a limiter: whether its breaker lets all start, none, or one to try. */
  readonly breaker: 'closed' | 'open' | 'probing' | null
}

/** How the jobs of one tenant stand in a queue. */
export interface TenantStanding {
  /** `null` for the jobs without one. */
  readonly tenantId: string | null
  readonly leased: number
  readonly waiting: number
  /** The earliest `runAt` among the jobs that are due and wait; `null` where none does. */
  readonly oldestDueAt: number | null
  /** Whether the tenant itself is paused, be it by an operator or by the directory. */
  readonly paused: boolean
}
