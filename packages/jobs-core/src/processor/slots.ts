/** The slots of one claim loop: each attempt in progress takes one. */
export interface Slots {
  /** How many the loop can count on, whatever others do. */
  readonly size: number
  /** How many attempts may begin now, beside those in progress. */
  readonly free: number
  /** An attempt begins. */
  take(): void
  /** An attempt no longer needs its slot. */
  give(): void
  /** There is something to run, or may be. @param waiting - jobs claimed and not begun. */
  ask(waiting: number): void
  /** There is nothing to run, or nobody who tells. */
  rest(): void
  /** A claim for so many jobs is on its way. */
  reserve(count: number): void
  /** It was answered, or has failed. */
  answered(how: { readonly failed: boolean }): void
  /** Calls the listener when there may be room that was asked for in vain. */
  onRoom(listener: () => void): void
}

/** Slots that a loop has for itself. */
export class OwnSlots implements Slots {
  readonly size: number
  #taken = 0

  constructor(size: number) {
    this.size = size
  }

  get free(): number {
    return this.size - this.#taken
  }

  take(): void {
    this.#taken += 1
  }

  give(): void {
    this.#taken -= 1
  }

  // Nobody else could use them meanwhile.
  ask(): void {}
  rest(): void {}
  reserve(): void {}
  answered(): void {}
  onRoom(): void {}
}
