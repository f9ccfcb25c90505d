import { randomUUID } from 'node:crypto'

/** One thing the outside API did, and for whom. */
export interface Effect {
  readonly effectId: string
  readonly tenantId: string
  readonly jobId: string
  readonly action: string
}

/** How often the outside API was called, and what it answered. */
export interface CallCounts {
  readonly calls: number
  readonly throttled: number
  readonly broken: number
  readonly slow: number
  /** Calls for an effect that was there already: repeated, not done again. */
  readonly replayed: number
}

/** The outside API's own record, as `GET /ledger` returns it. */
export interface LedgerPage {
  readonly effects: readonly Effect[]
  readonly counts: CallCounts
}

/** What the outside API remembers: it does the work of one idempotency key once. */
export class Ledger {
  readonly #effects = new Map<string, Effect>()
  readonly #calls = new Map<string, number>()
  readonly #counts = { calls: 0, throttled: 0, broken: 0, slow: 0, replayed: 0 }

  /** Counts a call and returns which it is for its key, from 1. */
  call(key: string): number {
    const call = (this.#calls.get(key) ?? 0) + 1
    this.#calls.set(key, call)
    this.#counts.calls++
    return call
  }

  count(answer: 'throttled' | 'broken' | 'slow'): void {
    this.#counts[answer]++
  }

  /** Does what the key stands for, unless that is done. */
  effect(key: string, details: Omit<Effect, 'effectId'>): Effect {
    const earlier = this.#effects.get(key)
    if (earlier !== undefined) {
      this.#counts.replayed++
      return earlier
    }
    const effect = { effectId: randomUUID(), ...details }
    this.#effects.set(key, effect)
    return effect
  }

  page(): LedgerPage {
    return { effects: [...this.#effects.values()], counts: { ...this.#counts } }
  }
}
