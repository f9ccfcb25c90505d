import { JobsError } from '@cgk/jobs-core'
import { type ClaimLog, MOST_ATTEMPTS } from './claim-log.ts'
import type { HintGate } from './hint-gate.ts'
import { LONGEST_POLL_MS, type ManualTime } from './manual-time.ts'
import type { OutsideCalls } from './outside-calls.ts'
import type { PollWatch } from './poll-watch.ts'
import { realNow, shortWhile, turn } from './real-time.ts'
import { describeHeld, runawayError, stuckError } from './stuck.ts'
import type { Workers } from './workers.ts'

/** After so many turns of the event loop, whatever still runs waits for something outside. */
const PATIENT_TURNS = 50

/** What a {@link Clockwork} drives. */
export interface ClockworkParts {
  readonly time: ManualTime
  readonly workers: Workers
  readonly outside: OutsideCalls
  readonly polls: PollWatch
  readonly claims: ClaimLog
  readonly hints: HintGate
  /** Whether a tick is due that no worker has seen. */
  readonly hasDueTicks: () => Promise<boolean>
  /** Real milliseconds. */
  readonly stuckAfterMs: number
}

/** How time is moved. */
export interface AdvanceOptions {
  /**
   * Move time while handlers run, so that timeouts, aborts and lost leases happen to them; without it
   * time stands still until they have ended. @defaultValue false
   */
  readonly whileRunning?: boolean
}

/** Lets a test's workers work, and time pass, one thing after the other. */
export class Clockwork {
  readonly #parts: ClockworkParts
  #isMoving = false

  constructor(parts: ClockworkParts) {
    this.#parts = parts
  }

  /** Everything that is due has been done. */
  async runUntilIdle(): Promise<void> {
    await this.#work(async () => {
      await this.#advance(0, false)
      await this.#lookForTicks()
    })
  }

  /** Time passes, and everything that falls due meanwhile is done at its time. */
  async advance(ms: number, { whileRunning = false }: AdvanceOptions = {}): Promise<void> {
    if (typeof ms !== 'number' || !(ms >= 0 && ms < Infinity)) {
      throw new JobsError(
        'JOBS_INVALID_OPTION',
        `time moves by milliseconds from 0, not by ${String(ms)}`,
      )
    }
    await this.#work(() => this.#advance(ms, whileRunning))
  }

  /**
   * Resolves when `isDone` says so and nothing else can happen.
   *
   * @param what - runs until then, for the error that says that it is stuck.
   */
  async until(isDone: () => boolean, what: string): Promise<void> {
    await this.#wait(
      () => !isDone(),
      () => what,
    )
  }

  /** Stops the workers, with as much time as that takes. */
  async stop(): Promise<void> {
    const { time, workers } = this.#parts
    let isStopped = false
    const stopped = workers.stop().then(() => {
      isStopped = true
    })
    await this.#settle()
    for (;;) {
      const { next } = time
      if (isStopped || next === undefined) break
      time.moveTo(next.at)
      time.fire(next)
      await this.#settle()
    }
    await stopped
  }

  async #work(body: () => Promise<void>): Promise<void> {
    if (this.#isMoving) {
      throw new JobsError(
        'JOBS_INVALID_OPTION',
        'runUntilIdle() or advance() is still under way: await it first, and do not call it in a handler',
      )
    }
    const { workers, hints, polls } = this.#parts
    this.#isMoving = true
    // The test may have done anything meanwhile, and set timers of its own that look like polls.
    polls.noteActivity()
    try {
      hints.open()
      workers.start()
      await body()
    } finally {
      hints.close()
      this.#isMoving = false
    }
  }

  async #advance(ms: number, whileRunning: boolean): Promise<void> {
    const { time, claims } = this.#parts
    const rest = whileRunning ? () => this.#instant() : () => this.#idle()
    const until = time.elapsed + ms
    await rest()
    for (;;) {
      this.#sleepUntilNear(until)
      const { next } = time
      if (next === undefined || next.at > until) break
      if (next.at > time.elapsed) claims.nextInstant()
      time.moveTo(next.at)
      time.fire(next)
      await rest()
    }
    if (until > time.elapsed) claims.nextInstant()
    time.moveTo(until)
  }

  /**
   * Polls that will find nothing are passed over, in whole periods, so that those that remain come
   * exactly when they would have come. The last before anything is due remains: it sets the timer.
   */
  #sleepUntilNear(until: number): void {
    const { time, polls, workers } = this.#parts
    if (!polls.isQuiet || workers.running > 0) return
    const ms = Math.min(until, polls.nextAt, time.nextExactAt) - time.elapsed
    const periods = Math.floor(ms / LONGEST_POLL_MS) - 1
    if (periods > 0) time.sleep(periods * LONGEST_POLL_MS)
  }

  /** Ticks that are due although no poll has come since: a schedule made in the past, or resumed. */
  async #lookForTicks(): Promise<void> {
    const { time, hasDueTicks } = this.#parts
    for (const timer of time.pending) {
      if (!(await hasDueTicks())) return
      if (!timer.isPoll) continue
      time.fire(timer)
      await this.#advance(0, false)
    }
  }

  /** Everything has happened that needs neither time nor the outside. */
  async #settle(): Promise<void> {
    const { time, claims } = this.#parts
    do await turn()
    while (time.hasSoon || claims.isPausing)
  }

  /** The same, in a test that goes on. */
  async #instant(): Promise<void> {
    await this.#settle()
    this.#refuseRunaway()
  }

  /** The same, and no handler runs. */
  async #idle(): Promise<void> {
    const { workers, outside, claims } = this.#parts
    await this.#wait(
      () => workers.running > 0 || outside.isBusy,
      () => describeHeld(claims.held),
    )
  }

  async #wait(isBusy: () => boolean, describe: () => string): Promise<void> {
    const { polls, stuckAfterMs } = this.#parts
    let { activity } = polls
    let since = realNow()
    for (let turns = 0; ; turns++) {
      await this.#instant()
      if (!isBusy()) return
      if (polls.activity !== activity) {
        activity = polls.activity
        since = realNow()
        turns = 0
      } else if (realNow() - since > stuckAfterMs) {
        throw stuckError(describe(), stuckAfterMs)
      }
      if (turns > PATIENT_TURNS) await shortWhile()
    }
  }

  #refuseRunaway(): void {
    const { runaway } = this.#parts.claims
    if (runaway !== undefined) throw runawayError(runaway, MOST_ATTEMPTS)
  }
}
