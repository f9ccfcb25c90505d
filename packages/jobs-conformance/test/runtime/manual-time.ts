import type { CancelTimer, Clock, Random, RuntimePorts, Timers } from '@cgk/jobs-core'

interface Timer {
  readonly at: number
  readonly fn: () => void
  readonly owner: ManualPorts
  readonly background: boolean
}

const START = Date.UTC(2026, 0, 5, 9)

/**
 * Time that moves when a test says so, for any number of simulated processes.
 *
 * The memory store answers in microtasks, so one turn of the real event loop is enough for everything
 * that can happen without time passing to have happened.
 */
export class ManualTime {
  readonly clock: Clock = { now: () => START + this.#elapsed, monotonic: () => this.#elapsed }
  #elapsed = 0
  readonly #timers = new Set<Timer>()
  #soon = 0

  /** The ports of one more process. */
  ports(): ManualPorts {
    const owner: ManualPorts = {
      clock: this.clock,
      timers: {
        after: (delayMs, fn, options) => this.#after(delayMs, fn, owner, options?.background),
        soon: (fn) => {
          this.#soon += 1
          setImmediate(() => {
            this.#soon -= 1
            if (!owner.dead) fn()
          })
        },
      },
      random: new SeededRandom(),
      dead: false,
    }
    return owner
  }

  /** Time passes while no timer fires: a blocked event loop, a stopped process. */
  pass(ms: number): void {
    this.#elapsed += ms
  }

  /** Time passes and every timer fires when it is due. */
  async advance(ms: number): Promise<void> {
    const until = this.#elapsed + ms
    await this.settle()
    for (;;) {
      const next = this.#earliest()
      if (next === undefined || next.at > until) break
      this.#timers.delete(next)
      this.#elapsed = Math.max(this.#elapsed, next.at)
      next.fn()
      await this.settle()
    }
    this.#elapsed = Math.max(this.#elapsed, until)
    await this.settle()
  }

  /** Everything happens that can happen without time passing. */
  async settle(): Promise<void> {
    do await new Promise<void>((resolve) => setImmediate(resolve))
    while (this.#soon > 0)
  }

  /** Resolves after so much manual time. */
  sleep(ms: number): Promise<void> {
    return new Promise((resolve) => this.#after(ms, resolve, { dead: false } as ManualPorts))
  }

  /** How many timers would keep a process open. */
  get foregroundTimers(): number {
    return [...this.#timers].filter(({ owner, background }) => !owner.dead && !background).length
  }

  #after(
    delayMs: number,
    fn: () => void,
    owner: ManualPorts,
    background: boolean = false,
  ): CancelTimer {
    const timer: Timer = { at: this.#elapsed + Math.max(0, delayMs), fn, owner, background }
    this.#timers.add(timer)
    return () => this.#timers.delete(timer)
  }

  #earliest(): Timer | undefined {
    let earliest: Timer | undefined
    for (const timer of this.#timers) {
      if (timer.owner.dead) this.#timers.delete(timer)
      else if (earliest === undefined || timer.at < earliest.at) earliest = timer
    }
    return earliest
  }
}

/** The ports of a simulated process; once `dead`, none of its timers fires. */
export interface ManualPorts extends RuntimePorts {
  readonly clock: Clock
  readonly timers: Timers
  dead: boolean
}

/** Repeatable randomness (mulberry32). */
class SeededRandom implements Random {
  static #seed = 0
  #state = ++SeededRandom.#seed

  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }

  hex(digits: number): string {
    let text = ''
    while (text.length < digits) text += Math.floor(this.next() * 16).toString(16)
    return text
  }
}
