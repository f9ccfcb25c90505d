import type { Clock, JobsLogger } from '../runtime/ports.ts'
import type { TenantStanding } from '../storage/limits.ts'

const FIRST_PAUSE_MS = 60_000
const LONGEST_PAUSE_MS = 3_600_000
/** Tenants named in one line. */
const NAMED = 10

interface Held {
  pauseMs: number
  /** When to say it again, on the monotonic clock. */
  dueAt: number
}

/**
 * Says which tenants have jobs that are held because the directory does not know them: when they first
 * appear, and again less and less often.
 */
export class HeldTenants {
  readonly #clock: Clock
  readonly #logger: JobsLogger
  readonly #where: { readonly queue: string; readonly store: string }
  readonly #held = new Map<string, Held>()

  constructor(
    clock: Clock,
    logger: JobsLogger,
    where: { readonly queue: string; readonly store: string },
  ) {
    this.#clock = clock
    this.#logger = logger
    this.#where = where
  }

  /** @param unknown - all of them. */
  report(unknown: readonly TenantStanding[]): void {
    const now = this.#clock.monotonic()
    const ids = new Set(unknown.map(({ tenantId }) => tenantId))
    for (const id of this.#held.keys()) if (!ids.has(id)) this.#held.delete(id)
    const due = unknown.filter(({ tenantId }) => this.#isDue(tenantId!, now))
    if (due.length === 0) return
    this.#logger.warn('jobs of tenants that the directory does not know are held', {
      ...this.#where,
      tenants: due.slice(0, NAMED).map(({ tenantId }) => tenantId),
      count: due.length,
      waiting: due.reduce((sum, { waiting }) => sum + waiting, 0),
    })
  }

  #isDue(id: string, now: number): boolean {
    const held = this.#held.get(id)
    if (held === undefined) {
      this.#held.set(id, { pauseMs: FIRST_PAUSE_MS, dueAt: now + FIRST_PAUSE_MS })
      return true
    }
    if (now < held.dueAt) return false
    held.pauseMs = Math.min(held.pauseMs * 2, LONGEST_PAUSE_MS)
    held.dueAt = now + held.pauseMs
    return true
  }
}
