import type { LimitState } from '../storage/limits.ts'

/**
 * Which part of a queue a limit or a pause governs; each part is within those named before it:
 *
 * - the whole queue;
 * - with `tenantId`: the jobs of one tenant; `null`: those without one; `EACH_TENANT` (`'*'`): each
 *   tenant by itself, unless something else is said for that very tenant;
 * - with `limiter` beside it: those of the tenant that name the limiter;
 * - with `key` in its place: those of the tenant whose ordering or concurrency key it is.
 */
export interface QueueScope {
  /** @defaultValue the current tenant (see `withTenant`); outside of one, the whole queue */
  readonly tenantId?: string | null
  /** Only within a tenant, or `EACH_TENANT`. */
  readonly limiter?: string
  /** Only within a tenant, or `EACH_TENANT`; not beside `limiter`. */
  readonly key?: string
}

/**
 * How often jobs may start: one each `period / limit`, and up to `burst` at once after a rest. It counts
 * starts, retries included; a start that was given back keeps its token spent.
 */
export interface RateOption {
  /** From 1 to `period · 1000`. */
  readonly limit: number
  /** Whole milliseconds from 1. `burst · period / limit` may be ten years. */
  readonly period: number
  /** From 1 to 1,000,000. @defaultValue 1 */
  readonly burst?: number
}

/** When a limiter stops because what is behind it is down, and for how long. */
export interface BreakerOption {
  /** Attempts in a row that failed and could be repeated; from 1 to 1,000,000. */
  readonly failures: number
  /** Milliseconds from 1 for which nothing starts; afterwards one job at a time, until one completes. */
  readonly cooldown: number
}

/** What may be said about a scope. `'none'`: there is no such limit, whatever is said elsewhere. */
export interface ScopeLimits {
  /** Share of the starts, relative to other tenants: a whole number from 1 to 1,000. Of tenants alone. */
  readonly weight?: number
  /** How many jobs workers may hold at a time, from 1. */
  readonly concurrency?: number | 'none'
  readonly rate?: RateOption | 'none'
  /**
   * How many jobs may wait (pending, scheduled and retrying), from 0: an enqueue call that would make it
   * more is refused with `JOBS_BACKLOG_FULL`. Of tenants alone.
   */
  readonly backlog?: number | 'none'
  /** Of limiters alone. */
  readonly breaker?: BreakerOption | 'none'
}

/** What `setLimits` takes: what is absent stays as it is, `null` takes back what was said. */
export type LimitChanges = { readonly [L in keyof ScopeLimits]?: ScopeLimits[L] | null }

/** What one source says about a scope. */
export interface StatedBySource extends ScopeLimits {
  readonly paused?: boolean
}

/** What was said about a scope, and by whom. What an operator said goes before the directory. */
export interface StatedLimits {
  /** Without `tenantId`: the whole queue. */
  readonly scope: QueueScope
  /** By `setLimits`, `pause` and `resume`. */
  readonly operator: StatedBySource
  /** By the directory of tenants. */
  readonly directory: StatedBySource
}

/** What applies to a scope; absent where there is no limit. */
export interface AppliedLimits {
  readonly weight?: number
  readonly concurrency?: number
  readonly rate?: Required<RateOption>
  readonly backlog?: number
  readonly breaker?: BreakerOption
}

/** How a scope stands. */
export interface LimitStatus extends StatedLimits {
  readonly applies: AppliedLimits
  /** Whether this scope itself is paused, by an operator or by the directory; not one that it is within. */
  readonly paused: boolean
  /** Jobs that workers hold now, cancelled ones that they have not let go of included. */
  readonly leased: number
  /** Milliseconds until its rate, a pause of the limiter or its breaker lets a job start; 0 for now. */
  readonly opensInMs: number
  /** Of a limiter: whether its breaker lets all start, none, or one to try. */
  readonly breaker?: NonNullable<LimitState['breaker']>
}

/** Which scopes `listLimits` returns. */
export interface LimitListFilter {
  /** `null` for jobs without one. @defaultValue the current tenant; outside of one, every scope */
  readonly tenantId?: string | null
  /** From 1 to 1,000. @defaultValue 100 */
  readonly limit?: number
  /** `nextCursor` of the page before. */
  readonly cursor?: string | undefined
}

/** Scopes about which something is said, and the way to the next page. */
export interface LimitPage extends Array<StatedLimits> {
  /** Absent on the last page. */
  readonly nextCursor?: string
}
