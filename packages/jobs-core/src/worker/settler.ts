import { isJobsError, JobsError } from '../errors.ts'
import type { CancelTimer, Clock, JobsLogger, Timers } from '../runtime/ports.ts'
import type { Answered } from '../storage/answered.ts'
import type { ClaimRequest, ClaimResult } from '../storage/lease.ts'
import type { Settlement, SettleResult } from '../storage/settlement.ts'
import { RepeatQueue } from './repeat-queue.ts'
import { RetryPause } from './retry-pause.ts'

/** Who waits for a settlement's answer. */
export interface SettlementOwner {
  /** Called once, when the store has answered. */
  settled(result: Answered<SettleResult>): void
}

interface Entry {
  readonly settlement: Settlement
  readonly owner: SettlementOwner
}

type Send = (
  settlements: readonly Settlement[],
  claim: ClaimRequest | undefined,
) => Promise<{ readonly results: readonly SettleResult[]; readonly claimed: ClaimResult | null }>

/** More than this many settlements wait for the next batch. */
const BATCH = 1_000

/**
 * More settlements than these take a store longer than a round trip: a claim goes beside them, not after them, and none
 * of them waits for more.
 */
const MOST_BEFORE_CLAIM = 100

/** A store that is done with one batch is to have the next at hand, and needs no third. */
const MOST_UNDER_WAY = 2

/**
 * Natural batching of settlements, repeated until the store has answered each.
 *
 * One batch at a time; what ends meanwhile goes with the next, which leaves before the answer if it is large by the
 * end of a turn. A settlement may have patience: it waits for so long for one that has none, or for a claim, and goes
 * with that. A batch whose answer did not come is sent again with the same tokens, which a store answers as it did the
 * first time. Settlements that a part of the store did not answer are from then on sent by themselves, and keep no
 * others waiting. A settlement that the store refuses outright is tried alone, so that it stops no other, and then given
 * up: its lease ends by itself.
 */
export class Settler {
  readonly #send: Send
  readonly #clock: Clock
  readonly #timers: Timers
  readonly #logger: JobsLogger
  readonly #pause: RetryPause
  /** What a part of the store did not answer. */
  readonly #unanswered: RepeatQueue<Entry>
  #waiting: Entry[] = []
  /** When what waits has lost patience, on the monotonic clock. */
  #leavesAt = Infinity
  #timer: { readonly at: number; readonly cancel: CancelTimer } | null = null
  #scheduled = false
  /** Looks at the end of the turn whether a batch may go beside the one under way. */
  #looksBeside = false
  /** How many batches are under way. */
  #underWay = 0

  constructor(send: Send, clock: Clock, timers: Timers, logger: JobsLogger) {
    this.#send = send
    this.#clock = clock
    this.#timers = timers
    this.#logger = logger
    // In the background: when everybody has stopped waiting, an unanswered batch must not keep the
    // process.
    this.#pause = new RetryPause(timers, { background: true })
    this.#unanswered = new RepeatQueue(timers, (batch) => this.#askAgain(batch))
  }

  /**
   * Offers a settlement; the owner hears when it is answered.
   *
   * @param patienceMs - how long it may wait for others.
   */
  settle(settlement: Settlement, owner: SettlementOwner, patienceMs = 0): void {
    this.#waiting.push({ settlement, owner })
    const isPatient = patienceMs > 0 && this.#waiting.length <= MOST_BEFORE_CLAIM
    const leavesAt = isPatient ? this.#clock.monotonic() + patienceMs : -Infinity
    this.#leavesAt = Math.min(this.#leavesAt, leavesAt)
    this.#schedule()
  }

  /** Ends the patience of what waits. */
  flush(): void {
    if (this.#waiting.length === 0) return
    this.#leavesAt = -Infinity
    this.#schedule()
  }

  /**
   * Sends what waits together with a claim, in one round trip, if a batch can leave now.
   *
   * @returns `null` when there is nothing to send, or so much that the claim should not wait for it, or a batch is
   * under way: claim by yourself.
   */
  settleAndClaim(claim: ClaimRequest): Promise<ClaimResult> | null {
    const count = this.#waiting.length
    if (this.#underWay > 0 || this.#pause.active || count === 0 || count > MOST_BEFORE_CLAIM)
      return null
    return this.#sendWithClaim(this.#takeBatch(), claim)
  }

  #schedule(): void {
    if (this.#scheduled || this.#pause.active || this.#waiting.length === 0) return
    if (this.#underWay > 0) {
      this.#lookBeside()
      return
    }
    const waitMs = this.#leavesAt - this.#clock.monotonic()
    if (waitMs > 0) {
      this.#scheduleIn(waitMs)
      return
    }
    this.#scheduled = true
    // Attempts that end in the same turn travel together.
    queueMicrotask(() => {
      this.#scheduled = false
      if (this.#underWay === 0 && this.#waiting.length > 0) void this.#run()
    })
  }

  #lookBeside(): void {
    if (this.#looksBeside || !this.#mayGoBeside) return
    this.#looksBeside = true
    this.#timers.soon(() => {
      this.#looksBeside = false
      if (this.#mayGoBeside && !this.#pause.active) void this.#run()
    })
  }

  get #mayGoBeside(): boolean {
    return this.#underWay < MOST_UNDER_WAY && this.#waiting.length > MOST_BEFORE_CLAIM
  }

  // An earlier timer is left to fire, though what it was for may have left: so there is one for many settlements.
  #scheduleIn(ms: number): void {
    const at = this.#leavesAt
    if (this.#timer !== null && this.#timer.at <= at) return
    this.#timer?.cancel()
    const cancel = this.#timers.after(ms, () => {
      this.#timer = null
      this.#schedule()
    })
    this.#timer = { at, cancel }
  }

  #takeBatch(): readonly Entry[] {
    const batch = this.#waiting.splice(0, BATCH)
    this.#leavesAt = this.#waiting.length === 0 ? Infinity : -Infinity
    return batch
  }

  #takeBack(batch: readonly Entry[]): void {
    this.#waiting.unshift(...batch)
    this.#leavesAt = -Infinity
  }

  async #run(): Promise<void> {
    this.#underWay += 1
    const batch = this.#takeBatch()
    try {
      const { results } = await this.#send(settlementsOf(batch), undefined)
      this.#answered(batch, results)
    } catch (error) {
      await this.#failed(batch, error)
    }
    this.#underWay -= 1
    this.#schedule()
  }

  async #sendWithClaim(batch: readonly Entry[], claim: ClaimRequest): Promise<ClaimResult> {
    this.#underWay += 1
    try {
      const { results, claimed } = await this.#send(settlementsOf(batch), claim)
      this.#answered(batch, results)
      if (claimed !== null) return claimed
    } catch (error) {
      // A refusal may be about the claim: the settlements are tried by themselves before any is given
      // up.
      if (isRefusal(error)) this.#takeBack(batch)
      else this.#repeatLater(batch, error)
      throw error
    } finally {
      this.#underWay -= 1
      this.#schedule()
    }
    throw new JobsError(
      'JOBS_STORE_UNAVAILABLE',
      'the part of the store that was to be claimed from did not answer',
      { retryable: true },
    )
  }

  async #askAgain(batch: readonly Entry[]): Promise<void> {
    try {
      const { results } = await this.#send(settlementsOf(batch), undefined)
      this.#answered(batch, results)
    } catch (error) {
      if (isRefusal(error)) await this.#failed(batch, error)
      else this.#repeatApart(batch, { error })
    }
  }

  #answered(batch: readonly Entry[], results: readonly SettleResult[]): void {
    this.#pause.reset()
    const unanswered: Entry[] = []
    for (let index = 0; index < batch.length; index++) {
      const result = results[index]!
      if (result === 'unanswered') unanswered.push(batch[index]!)
      else this.#tell(batch[index]!, result)
    }
    if (unanswered.length > 0) this.#repeatApart(unanswered, {})
  }

  async #failed(batch: readonly Entry[], error: unknown): Promise<void> {
    if (!isRefusal(error)) {
      this.#repeatLater(batch, error)
    } else if (batch.length === 1) {
      const { lease } = batch[0]!.settlement
      this.#logger.error('the store refused a settlement; its lease will end by itself', {
        queue: lease.queue,
        jobId: lease.id,
        error,
      })
      this.#tell(batch[0]!, 'lost')
    } else {
      for (const entry of batch) {
        try {
          const { results } = await this.#send([entry.settlement], undefined)
          this.#answered([entry], results)
        } catch (single) {
          await this.#failed([entry], single)
        }
      }
    }
  }

  #repeatLater(batch: readonly Entry[], error: unknown): void {
    this.#warn(batch, { error })
    this.#takeBack(batch)
    this.#pause.before(() => {
      this.#schedule()
    })
  }

  #repeatApart(batch: readonly Entry[], reason: { readonly error?: unknown }): void {
    this.#warn(batch, reason)
    this.#unanswered.add(batch)
  }

  #warn(batch: readonly Entry[], reason: { readonly error?: unknown }): void {
    const jobs = batch.length
    this.#logger.warn('settling was not answered; it is repeated until it is', { jobs, ...reason })
  }

  #tell({ settlement, owner }: Entry, result: Answered<SettleResult>): void {
    try {
      owner.settled(result)
    } catch (error) {
      // The store has answered: whatever its hearer does, the settlement must not be sent again.
      this.#logger.error('what follows a settled attempt failed', {
        jobId: settlement.lease.id,
        error,
      })
    }
  }
}

function settlementsOf(batch: readonly Entry[]): readonly Settlement[] {
  return batch.map((entry) => entry.settlement)
}

function isRefusal(error: unknown): boolean {
  return isJobsError(error) && !error.retryable
}
