import type { CancelTimer, Timers } from '../runtime/ports.ts'
import type { Slots } from './slots.ts'

/** A claim that takes longer keeps no slots from others, nor does the next one. */
export const PROMPT_MS = 100

/**
 * Slots that several claim loops share, each of a store of its own.
 *
 * With `size` slots and k loops that have something to run, each can count on ⌊size / k⌋ (and on one by
 * turns, where there are more loops than slots). What one does not need the others use; it gets its
 * share back as their attempts end. A loop is believed to have something to run as long as its store
 * answers promptly: a store that is slow or does not answer is given slots for the jobs it has
 * delivered, and keeps none from the others while it is asked.
 */
export class SlotPool {
  readonly size: number
  readonly #timers: Timers
  readonly #shares = new Set<PooledSlots>()
  /** Who asked in vain, the first to ask first. */
  readonly #refused = new Set<PooledSlots>()

  constructor(size: number, timers: Timers) {
    this.size = size
    this.#timers = timers
  }

  /** The slots of one more loop. */
  join(): PooledSlots {
    const slots = new PooledSlots(this, this.#timers)
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
  readonly #timers: Timers
  #taken = 0
  #reserved = 0
  #asks = false
  #waiting = 0
  /** The last claim was answered in time, or there was none. */
  #isPrompt = true
  #cancelTimer: CancelTimer | null = null
  #tell: () => void = () => {}

  constructor(pool: SlotPool, timers: Timers) {
    this.#pool = pool
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
    if (!this.#asks && this.#waiting === 0) return
    this.#asks = false
    this.#waiting = 0
    this.#pool.offer(this)
  }

  reserve(count: number): void {
    if (this.#isPrompt) this.#reserved = count
    this.#cancelTimer = this.#timers.after(PROMPT_MS, () => {
      this.#cancelTimer = null
      this.#isPrompt = false
      this.#reserved = 0
      this.#pool.offer(this)
    })
  }

  answered(): void {
    if (this.#cancelTimer !== null) this.#isPrompt = true
    this.#cancelTimer?.()
    this.#cancelTimer = null
    this.#reserved = 0
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
    return this.held > 0 || (this.#asks && (this.#isPrompt || this.#waiting > 0))
  }

  get hasRoom(): boolean {
    return this.free > this.#waiting
  }

  /** How many of its share it would use and does not have. */
  lacks(share: number): number {
    if (!this.#asks) return 0
    const missing = Math.max(0, share - this.held)
    return this.#isPrompt ? missing : Math.min(missing, this.#waiting)
  }

  tell(): void {
    this.#tell()
  }
}
