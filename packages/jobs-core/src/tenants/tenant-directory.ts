import type { Tenant, TenantMap } from './tenant.ts'

/**
 * The tenants of a platform, as one source of them says, and tells of changes.
 *
 * A directory keeps the last good answer of its source: what is wrong afterwards is reported and
 * changes nothing.
 */
export interface TenantDirectory {
  /** The tenants as last known; `null` until the source has answered once. A change is a new map. */
  current(): TenantMap | null
  /** One tenant as last known; `undefined` for one that the directory does not list. */
  get(id: string): Tenant | undefined
  /**
   * Resolves once the tenants are known, with what they are then; the first call asks the source.
   * Rejects with what the source says instead, and may be called again.
   */
  ready(): Promise<TenantMap>
  /** Calls the listener after each change until the returned function is called. */
  subscribe(listener: (tenants: TenantMap) => void): () => void
  /** Asks no more. What is known stays. */
  close(): void
}
