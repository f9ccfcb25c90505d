import type { CancelTimer, Clock, RuntimePorts, Timers } from '../runtime/ports.ts'
import type { Slots } from './slots.ts'

/** How long a claim may take and the slots for its jobs still be kept free. */
export const PROMPT_MS = 100

/**
 * How a store answers claims: in time; late, but it does; or not at all.
 *
 * One that is slow gets one slot after the other, up to its share, each kept free while it is asked. One
 * that is silent keeps none free until it answers.
 */
type Pace = 'prompt' | 'slow' | 'silent'

/**
 * Slots that several claim loops share, each of a store of its own.
 *
 * With `size` slots and k loops that have something to run, each can count on ⌊size / k⌋ (and on one by
 * turns, where there are more loops than slots). What one does not need the others use; it gets its
 * share back as their attempts end. How much of its share a loop keeps free while its store is asked is a
 * matter of how that answers.
 */
export class SlotPool {
  readonly size: number
  readonly #clock: Clock
  readonly #timers: Timers
  readonly #shares = new Set<PooledSlots>()
  /** Who asked in vain, the first to ask first. */
  readonly #refused = new Set<PooledSlots>()

  constructor(size: number, { clock, timers }: Pick<RuntimePorts, 'clock' | 'timers'>) {
    this.size = size
    this.#clock = clock
    this.#timers = timers
  }

  /** The slots of one more loop. */
  join(): PooledSlots {
    const slots = new PooledSlots(this, this.#clock, this.#timers)
    this.#shares.add(slots)
    return slots
  }

  /** The loop is no more. */
  leave(slots: PooledSlots): void {
    this.#shares.delete(slots)
    this.#refused.delete(slots)
    this.offer(slots)
  }

  /** What a loop can count on. */
  shareOf(slots: PooledSlots): number {
    let loops = 0
    for (const other of this.#shares) if (other === slots || other.counts) loops += 1
    return Math.max(1, Math.floor(this.size / loops))
  }

  roomFor(slots: PooledSlots): number {
    const share = this.shareOf(slots)
    let free = this.size
    let owed = 0
    for (const other of this.#shares) {
      free -= other.held
      if (other !== slots) owed += other.lacks(share)
    }
    return Math.max(0, Math.min(free, share - slots.held), free - owed)
  }

  refuse(slots: PooledSlots): void {
    this.#refused.add(slots)
  }

  /** There is more room than before: for those who asked in vain, save who makes it. */
  offer(by: PooledSlots): void {
    if (this.#refused.size === 0) return
    for (const slots of Array.from(this.#refused)) {
      if (slots === by || !slots.hasRoom) continue
      this.#refused.delete(slots)
      slots.tell()
    }
  }
}

/** One loop's part of a {@link SlotPool}. */
export class PooledSlots implements Slots {
  readonly #pool: SlotPool
  readonly #clock: Clock
  readonly #timers: Timers
  #taken = 0
  #reserved = 0
  #asks = false
  #waiting = 0
  #pace: Pace = 'prompt'
  #askedAt = 0
  /** How long the last claim took that was answered. */
  #tookMs = 0
  #cancelTimer: CancelTimer = () => {}
  #tell: () => void = () => {}

  constructor(pool: SlotPool, clock: Clock, timers: Timers) {
    this.#pool = pool
    this.#clock = clock
    this.#timers = timers
  }

  get size(): number {
    return Math.max(this.#pool.shareOf(this), this.#taken)
  }

  get free(): number {
    return this.#pool.roomFor(this)
  }

  take(): void {
    this.#taken += 1
  }

  give(): void {
    this.#taken -= 1
    this.#pool.offer(this)
  }

  ask(waiting: number): void {
    this.#asks = true
    this.#waiting = waiting
    if (!this.hasRoom) this.#pool.refuse(this)
  }

  rest(): void {
    if (!this.#asks) return
    this.#asks = false
    this.#waiting = 0
    this.#pool.offer(this)
  }

  reserve(count: number): void {
    const most = { prompt: count, slow: 1, silent: 0 }
    this.#reserved = Math.min(count, most[this.#pace])
    this.#askedAt = this.#clock.monotonic()
    this.#cancelTimer = this.#timers.after(Math.max(PROMPT_MS, 2 * this.#tookMs), () => {
      this.#pace = 'silent'
      this.#reserved = 0
      this.#pool.offer(this)
    })
  }

  answered({ failed }: { readonly failed: boolean }): void {
    this.#cancelTimer()
    this.#reserved = 0
    this.#tookMs = failed ? 0 : this.#clock.monotonic() - this.#askedAt
    if (failed) this.#pace = 'silent'
    else this.#pace = this.#tookMs <= PROMPT_MS ? 'prompt' : 'slow'
  }

  onRoom(listener: () => void): void {
    this.#tell = listener
  }

  /** Slots in use or promised to a claim. */
  get held(): number {
    return this.#taken + this.#reserved
  }

  /** Whether it takes part in the division. */
  get counts(): boolean {
    return this.held > 0 || (this.#asks && (this.#pace !== 'silent' || this.#waiting > 0))
  }

  get hasRoom(): boolean {
    return this.free > 0
  }

  /** How many of its share it would use and does not have. */
  lacks(share: number): number {
    if (!this.#asks) return 0
    const least = { prompt: share, slow: 1 - this.#reserved, silent: 0 }
    return Math.max(0, Math.min(share - this.held, Math.max(least[this.#pace], this.#waiting)))
  }

  tell(): void {
    this.#tell()
  }
}
