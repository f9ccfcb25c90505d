import type { CallOptions } from './job-store.ts'
import type { LimitChange, LimitScope, LimitState, StoredLimits, TenantStanding } from './limits.ts'

/** The operator's controls; they persist as the jobs do and hold in every process. */
export interface JobControls {
  /**
   * When this resolves, no later claim takes a job of the scope, and limiters and keys are scopes too.
   * Running jobs finish.
   */
  pause(scope: LimitScope, options?: CallOptions): Promise<void>
  /** Lifts exactly the operator's pause of that scope. */
  resume(scope: LimitScope, options?: CallOptions): Promise<void>
  /**
   * Whether that scope itself is paused: by an operator or by the directory, by itself or as each tenant
   * is; not whether one that it is within is.
   */
  isPaused(scope: LimitScope, options?: CallOptions): Promise<boolean>

  /**
   * Changes what is said about scopes, all or nothing. The next claim that begins afterwards, in
   * whichever process, keeps to it; what is leased beyond a lowered limit runs on. Needs the capability
   * `limits`.
   */
  setLimits(changes: readonly LimitChange[], options?: CallOptions): Promise<void>

  /** In the order of the input. Needs the capability `limits`. */
  getLimits(scopes: readonly LimitScope[], options?: CallOptions): Promise<readonly LimitState[]>

  /**
   * One page of the scopes of a queue about which something is said, in an order of the store's own.
   * Needs the capability `limits`.
   */
  listLimits(
    request: {
      readonly queue: string
      readonly tenantId?: string | null
      readonly limit: number
      readonly cursor?: string
    },
    options?: CallOptions,
  ): Promise<{ readonly limits: readonly StoredLimits[]; readonly nextCursor: string | null }>

  /**
   * One page of the tenants that have a job in the queue that waits or is leased, in the order of their
   * ids, those without a tenant first; with `tenantId`, that one alone.
   */
  listTenants(
    request: {
      readonly queue: string
      readonly tenantId?: string | null
      readonly limit: number
      readonly cursor?: string
    },
    options?: CallOptions,
  ): Promise<{ readonly tenants: readonly TenantStanding[]; readonly nextCursor: string | null }>
}
