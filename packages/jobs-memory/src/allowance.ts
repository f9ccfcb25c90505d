import type { LimitState } from '@cgk/jobs-core'
import type { SortedQueue } from './sorted-queue.ts'

/** What has an {@link Allowance}: a queue, or in it a tenant, a limiter or a key. */
export interface AllowanceOwner {
  /** Its allowance has changed; whether something may be claimed now that could not be before. */
  reconsider(): boolean
}

const MICROSECONDS = 1_000

/** The limits of one scope, and what of them is used. Says nothing about what waits for it. */
export class Allowance {
  readonly owner: AllowanceOwner
  leased = 0
  paused = false
  /** Whether nothing but a lease counts here: then a claim need not look any closer. */
  isFree = true
  #concurrency = Infinity
  /** Microseconds from one start to the next; 0 for no rate. */
  #interval = 0
  /** Microseconds that a start may come before its turn. */
  #tolerance = 0
  /** When the next start would be on time, in microseconds: the theoretical arrival time of GCRA. */
  #nextTurn = 0
  #pausedUntil = 0
  #breaker: LimitState['effective']['breaker']
  /** Attempts in a row that failed. */
  #failures = 0
  #isTripped = false
  #trippedUntil = 0

  /** When to look again; for the queue of alarms that holds it. */
  wakeAt = 0
  home: SortedQueue<Allowance> | null = null
  heapIndex = -1
  previous: Allowance | null = null
  next: Allowance | null = null

  constructor(owner: AllowanceOwner) {
    this.owner = owner
  }

  /** Whether a concurrency or a rate applies, or a limiter is what this is of. */
  get isLimited(): boolean {
    return this.#concurrency !== Infinity || this.#interval > 0 || this.#breaker !== undefined
  }

  /** Only the end of a lease can let another start. */
  get isUsedUp(): boolean {
    return !this.paused && this.#isFull
  }

  breakerState(now: number): 'closed' | 'open' | 'probing' {
    if (!this.#isTripped) return 'closed'
    return this.#trippedUntil > now ? 'open' : 'probing'
  }

  /** From when on a job may start; `Infinity` where time alone does not bring it. */
  get opensAt(): number {
    return this.paused || this.#isFull ? Infinity : this.clearsAt
  }

  /** From when on a job may start as far as time goes. */
  get clearsAt(): number {
    const inTurn =
      this.#interval === 0 ? 0 : Math.ceil((this.#nextTurn - this.#tolerance) / MICROSECONDS)
    return Math.max(inTurn, this.#pausedUntil, this.#trippedUntil)
  }

  /** From when on nothing is remembered that matters; `Infinity` while failures in a row are counted. */
  get restsAt(): number {
    if (this.#failures > 0) return Infinity
    return Math.max(this.#nextTurn / MICROSECONDS, this.#pausedUntil, this.#trippedUntil)
  }

  /** Takes over other limits. A new rate begins with what the one before has left of it. */
  apply({ concurrency, rate, breaker, paused }: LimitState['effective'], now: number): void {
    this.paused = paused
    this.#concurrency = concurrency ?? Infinity
    this.#interval = rate === undefined ? 0 : Math.ceil((rate.periodMs * MICROSECONDS) / rate.limit)
    this.#tolerance = rate === undefined ? 0 : (rate.burst - 1) * this.#interval
    const latest = now * MICROSECONDS + this.#tolerance + this.#interval
    this.#nextTurn = Math.min(this.#nextTurn, latest)
    this.#breaker = breaker
    if (breaker === undefined) this.#close()
    this.isFree = !paused && !this.isLimited && this.#pausedUntil <= now
  }

  take(now: number): void {
    this.leased++
    if (this.#interval === 0) return
    this.#nextTurn = Math.max(this.#nextTurn, now * MICROSECONDS) + this.#interval
  }

  /** Nothing starts before that instant. */
  pauseUntil(instant: number): void {
    this.#pausedUntil = Math.max(this.#pausedUntil, instant)
    this.isFree = false
  }

  /** An attempt has succeeded: what is behind the limiter answers. */
  succeeded(): void {
    this.#close()
  }

  /** An attempt has failed in a way that may be the fault of what is behind the limiter. */
  failed(now: number): void {
    if (this.#breaker === undefined) return
    this.#failures++
    if (!this.#isTripped && this.#failures < this.#breaker.failures) return
    this.#isTripped = true
    this.#trippedUntil = now + this.#breaker.cooldownMs
  }

  get #isFull(): boolean {
    return this.leased >= this.#concurrency || (this.#isTripped && this.leased > 0)
  }

  #close(): void {
    this.#failures = 0
    this.#isTripped = false
    this.#trippedUntil = 0
  }
}
