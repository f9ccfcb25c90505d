import type { Limits, LimitScope, LimitSource } from '@cgk/jobs-core'

/** What was said about one scope. */
export interface ModelSaid {
  readonly scope: LimitScope
  readonly said: Record<LimitSource, Limits>
}

/** From when to when, both included, something may be that the contract does not fix. */
export interface Span {
  readonly first: number
  readonly last: number
}

/**
 * How a limiter's breaker stands. `unsure`: its settings changed while it counted, and how that is to be
 * taken is left open until an attempt completes.
 */
interface ModelBreaker {
  failures: number
  /** Once it has opened and until it closes: when the cooldown ends. */
  trippedUntil: Span | null
  isUnsure: boolean
}

/** What a scope has used up. */
export interface ModelUse {
  readonly scope: LimitScope
  /**
   * When the next start would be on time by its rate (the theoretical arrival time of GCRA), in
   * microseconds. How much of a rate is left when another takes its place is not fixed.
   */
  turn: Span
  /** No start before, as an outside API asked. */
  waitUntil: number
  breaker: ModelBreaker
}

export function sameScope(a: LimitScope, b: LimitScope): boolean {
  return (
    a.queue === b.queue && a.tenantId === b.tenantId && a.limiter === b.limiter && a.key === b.key
  )
}
