import type { JobsLogger } from '../runtime/ports.ts'
import type { Tenant, TenantMap } from './tenant.ts'

/** The last good answer of a directory's source, and who hears of a change. */
export class KnownTenants {
  readonly #logger: JobsLogger
  readonly #listeners = new Set<(tenants: TenantMap) => void>()
  #text: string | null = null
  #tenants: TenantMap | null = null

  constructor(logger: JobsLogger) {
    this.#logger = logger
  }

  current(): TenantMap | null {
    return this.#tenants
  }

  get(id: string): Tenant | undefined {
    return this.#tenants?.get(id)
  }

  subscribe(listener: (tenants: TenantMap) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /** An answer that says the same again is no change. */
  replace(tenants: TenantMap): TenantMap {
    const text = JSON.stringify([...tenants.values()])
    if (this.#tenants !== null && text === this.#text) return this.#tenants
    this.#text = text
    this.#tenants = tenants
    for (const listener of Array.from(this.#listeners)) {
      try {
        listener(tenants)
      } catch (error) {
        this.#logger.error('a listener of the tenant directory threw', { error })
      }
    }
    return tenants
  }
}
