import type { ClaimResult, JobStore } from '@cgk/jobs-core'
import { LONGEST_POLL_MS, type ManualTime } from './manual-time.ts'

/**
 * Knows when polls will find nothing: for how long nothing has happened in the store, and when it said
 * that the next thing will.
 */
export class PollWatch {
  readonly #time: ManualTime
  /** What polls last heard, as instants in elapsed milliseconds. */
  readonly #nextAt = new Map<string, number>()
  #queues: readonly string[] = []
  #activeAt = 0
  #activity = 0

  constructor(time: ManualTime) {
    this.#time = time
  }

  /** Grows with everything that happens. */
  get activity(): number {
    return this.#activity
  }

  /** Every poll has come at least once since anything happened, so that {@link nextAt} holds. */
  get isQuiet(): boolean {
    return this.#time.elapsed - this.#activeAt > LONGEST_POLL_MS
  }

  /** When the store has something to do by itself; `Infinity` for never. */
  get nextAt(): number {
    return Math.min(...this.#nextAt.values(), Infinity)
  }

  /** The queues whose schedules are looked after. */
  get queues(): readonly string[] {
    return this.#queues
  }

  /** Something has happened. */
  noteActivity(): void {
    this.#activity += 1
    this.#activeAt = this.#time.elapsed
  }

  noteClaim(queue: string, { jobs, nextDueInMs }: ClaimResult): void {
    this.#notePoll(`claim/${queue}`, jobs.length > 0, nextDueInMs)
  }

  noteUpkeep({ reclaimed, pruned, nextInMs }: Awaited<ReturnType<JobStore['maintain']>>): void {
    this.#notePoll('maintain', reclaimed + pruned > 0, nextInMs)
  }

  noteSchedules(
    queues: readonly string[],
    { schedules, nextInMs }: Awaited<ReturnType<JobStore['dueSchedules']>>,
  ): void {
    this.#queues = queues
    this.#notePoll('dueSchedules', schedules.length > 0, nextInMs)
  }

  #notePoll(poll: string, hasFound: boolean, nextInMs: number | null): void {
    this.#nextAt.set(poll, nextInMs === null ? Infinity : this.#time.elapsed + nextInMs)
    if (hasFound) this.noteActivity()
  }
}
