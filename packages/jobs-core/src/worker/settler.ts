import { isJobsError } from '../errors.ts'
import type { JobsLogger, Timers } from '../runtime/ports.ts'
import type { ClaimRequest, ClaimResult } from '../storage/lease.ts'
import type { Settlement, SettleResult } from '../storage/settlement.ts'
import { RetryPause } from './retry-pause.ts'

/** Who waits for a settlement's answer. */
export interface SettlementOwner {
  /** Called once, when the store has answered. */
  settled(result: SettleResult): void
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
 * Natural batching of settlements, repeated until the store has answered each.
 *
 * One batch at a time; what ends meanwhile goes with the next. A batch whose answer did not come is
 * sent again with the same tokens, which a store answers as it did the first time. A settlement that
 * the store refuses outright is tried alone, so that it stops no other, and then given up: its lease
 * ends by itself.
 */
export class Settler {
  readonly #send: Send
  readonly #logger: JobsLogger
  readonly #pause: RetryPause
  #waiting: Entry[] = []
  #busy = false

  constructor(send: Send, timers: Timers, logger: JobsLogger) {
    this.#send = send
    this.#logger = logger
    this.#pause = new RetryPause(timers)
  }

  /** Offers a settlement; the owner hears when it is answered. */
  settle(settlement: Settlement, owner: SettlementOwner): void {
    this.#waiting.push({ settlement, owner })
    this.#start()
  }

  /**
   * Sends what waits together with a claim, in one round trip, if a batch can leave now.
   *
   * @returns `null` when there is nothing to send or a batch is under way: claim by yourself.
   */
  settleAndClaim(claim: ClaimRequest): Promise<ClaimResult> | null {
    if (this.#busy || this.#pause.active || this.#waiting.length === 0) return null
    this.#busy = true
    return this.#sendBatch(this.#waiting.splice(0, BATCH), claim)
      .then((claimed) => claimed as ClaimResult)
      .finally(() => {
        this.#busy = false
        this.#start()
      })
  }

  #start(): void {
    if (this.#busy || this.#pause.active || this.#waiting.length === 0) return
    this.#busy = true
    // Attempts that end in the same turn travel together.
    queueMicrotask(() => void this.#run())
  }

  async #run(): Promise<void> {
    try {
      await this.#sendBatch(this.#waiting.splice(0, BATCH), undefined)
    } catch {
      // Already reported, and the batch waits for its repetition.
    }
    this.#busy = false
    this.#start()
  }

  async #sendBatch(
    batch: readonly Entry[],
    claim: ClaimRequest | undefined,
  ): Promise<ClaimResult | null> {
    try {
      const answer = await this.#send(
        batch.map((entry) => entry.settlement),
        claim,
      )
      this.#pause.reset()
      for (let index = 0; index < batch.length; index++) {
        batch[index]!.owner.settled(answer.results[index]!)
      }
      return answer.claimed
    } catch (error) {
      if (isJobsError(error) && !error.retryable) {
        await this.#refused(batch, error)
      } else {
        this.#logger.warn('settling was not answered; it is repeated until it is', {
          jobs: batch.length,
          error,
        })
        this.#waiting.unshift(...batch)
        this.#pause.before(() => {
          this.#start()
        })
      }
      throw error
    }
  }

  async #refused(batch: readonly Entry[], error: unknown): Promise<void> {
    if (batch.length === 1) {
      const { lease } = batch[0]!.settlement
      this.#logger.error('the store refused a settlement; its lease will end by itself', {
        queue: lease.queue,
        jobId: lease.id,
        error,
      })
      batch[0]!.owner.settled('lost')
      return
    }
    for (const entry of batch) await this.#sendBatch([entry], undefined).catch(() => null)
  }
}
