import type { ScopeLimits } from '../limits/limit-options.ts'

/**
 * Whether a tenant's jobs run:
 * - `'active'`: they do;
 * - `'onboarding'`: they do, but schedules with `forEach: 'tenant'` make none for it yet;
 * - `'suspended'`: they wait until it is active again.
 */
export type TenantStatus = 'active' | 'suspended' | 'onboarding'

/** What holds for one of a tenant's limiters, such as its account with an outside API. */
export type LimiterEntry = Pick<ScopeLimits, 'concurrency' | 'rate' | 'breaker'>

/** One tenant as a source of the directory gives it: JSON, of which the id alone is needed. */
export interface TenantEntry {
  readonly id: string
  /** @defaultValue 'active' */
  readonly status?: TenantStatus
  /** Its share of the starts beside other tenants that have jobs: from 1 to 1,000. @defaultValue 1 */
  readonly weight?: number
  /** What holds for all its jobs together. @defaultValue nothing */
  readonly limits?: Pick<ScopeLimits, 'concurrency' | 'rate' | 'backlog'>
  /** By the limiter's name. */
  readonly limiters?: Readonly<Record<string, LimiterEntry>>
  /** Where its jobs live: the name of a store, or a store URL. @defaultValue the default store */
  readonly store?: string
  /** Where jobs of before still are: they are run, found, listed and counted there too. */
  readonly formerStores?: readonly string[]
  /** An IANA name, such as `Europe/London`, for handlers and producers to read. */
  readonly timezone?: string
}

/** One tenant of a directory, checked. */
export interface Tenant extends TenantEntry {
  readonly status: TenantStatus
}

/** The tenants of a directory by id, in the order of its source. */
export type TenantMap = ReadonlyMap<string, Tenant>
