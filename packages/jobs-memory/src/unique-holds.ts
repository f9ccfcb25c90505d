import type { Job } from './job.ts'

/** One unique key that is taken. */
export interface UniqueHold {
  readonly key: string
  holder: Job
  successor: Job | null
  /** When the burst of duplicates began that a debounce counts from. */
  burstAt: number
  /** When a window ends; `null` where the key is held until its holder ends. */
  until: number | null
}

/** The unique keys of one lane that are taken. */
export class UniqueHolds {
  readonly #holds = new Map<string, UniqueHold>()

  /** Who holds the key now. A window that is over holds nothing, unless somebody waits to succeed. */
  find(key: string, now: number): UniqueHold | undefined {
    const hold = this.#holds.get(key)
    if (hold === undefined || !isOver(hold, now)) return hold
    this.drop(hold)
    return undefined
  }

  take(key: string, holder: Job, now: number, windowMs: number | undefined): void {
    const until = windowMs === undefined ? null : now + windowMs
    const hold: UniqueHold = { key, holder, successor: null, burstAt: now, until }
    this.#holds.set(key, hold)
    holder.ties!.hold = hold
  }

  drop(hold: UniqueHold): void {
    if (this.#holds.get(hold.key) === hold) this.#holds.delete(hold.key)
    hold.holder.ties!.hold = null
  }
}

function isOver({ until, successor }: UniqueHold, now: number): boolean {
  return until !== null && until <= now && successor === null
}
