import type { CancelTimer, JobsLogger, Timers } from '../runtime/ports.ts'
import { RetryPause } from './retry-pause.ts'

/** What a {@link SupervisedLoop} does again and again. */
export interface LoopTask {
  /** What it is, for the log. */
  readonly name: string
  /** Does one round; resolves with the milliseconds until the next, 0 for at once. */
  readonly round: () => Promise<number>
}

/** Repeats a task while anybody needs it; an error is reported, and the round repeated. */
export class SupervisedLoop {
  readonly #task: LoopTask
  readonly #timers: Timers
  readonly #logger: JobsLogger
  readonly #pause: RetryPause
  #users = 0
  #cancelTimer: CancelTimer | null = null
  #running = false
  /** The last round; it never rejects. */
  #round: Promise<void> = Promise.resolve()
  /** A round was wanted while one was under way. */
  #again = false

  constructor(task: LoopTask, timers: Timers, logger: JobsLogger) {
    this.#task = task
    this.#timers = timers
    this.#logger = logger
    this.#pause = new RetryPause(timers)
  }

  start(): void {
    this.#users += 1
    if (this.#users === 1 && !this.#running) this.#begin()
  }

  /** Resolves when the round under way has ended, or at once if somebody else needs the task. */
  async stop(): Promise<void> {
    this.#users -= 1
    if (this.#users > 0) return
    this.#cancelTimer?.()
    this.#cancelTimer = null
    this.#pause.cancel()
    await this.#round
  }

  /** The next round begins now, or when the one under way has ended. */
  hasten(): void {
    if (this.#users === 0) return
    if (this.#running) {
      this.#again = true
      return
    }
    this.#cancelTimer?.()
    this.#cancelTimer = null
    this.#pause.cancel()
    this.#begin()
  }

  #begin(): void {
    this.#running = true
    this.#again = false
    this.#round = this.#run()
  }

  async #run(): Promise<void> {
    try {
      const waitMs = await this.#task.round()
      this.#pause.reset()
      this.#next(waitMs)
    } catch (error) {
      if (this.#pause.isFresh) {
        this.#logger.warn(`${this.#task.name} failed; it is repeated`, { error })
      }
      if (this.#users > 0) this.#pause.before(() => this.#begin())
    }
    this.#running = false
  }

  #next(waitMs: number): void {
    if (this.#users === 0) return
    this.#cancelTimer = this.#timers.after(this.#again ? 0 : waitMs, () => {
      this.#cancelTimer = null
      this.#begin()
    })
  }
}
