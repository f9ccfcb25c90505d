import type { Clock, Timers } from '../src/runtime/ports.ts'

/** Time that passes when it is told to. */
export class HandTime {
  readonly clock: Clock = { now: () => this.#now, monotonic: () => this.#now }
  readonly timers: Timers = {
    after: (ms, fn) => {
      const timer = { fn, at: this.#now + ms }
      this.#pending.add(timer)
      return () => this.#pending.delete(timer)
    },
    soon() {},
  }
  readonly #pending = new Set<{ readonly fn: () => void; readonly at: number }>()
  #now = 0

  pass(ms: number): void {
    this.#now += ms
    for (const timer of Array.from(this.#pending)) {
      if (timer.at <= this.#now && this.#pending.delete(timer)) timer.fn()
    }
  }

  /** Time passes in steps of 10 ms, and after each whatever was promised meanwhile comes about. */
  async advance(ms: number): Promise<void> {
    await turn()
    for (let passed = 0; passed < ms; passed += 10) {
      this.pass(10)
      await turn()
    }
  }
}

/** What needs no time comes about. */
export function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}
