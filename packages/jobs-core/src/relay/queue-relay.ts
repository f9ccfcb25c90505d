import type { JobsError } from '../errors.ts'
import type { JobsLogger, RuntimePorts } from '../runtime/ports.ts'
import type { ClaimedJob, ClaimResult } from '../storage/lease.ts'
import { complete, release, type Settlement } from '../storage/settlement.ts'
import { growingDelay } from '../worker/growing-delay.ts'
import { CALL_DEADLINE_MS } from '../worker/store-calls.ts'
import type { StoreSession } from '../worker/store-session.ts'
import { SupervisedLoop } from '../worker/supervised-loop.ts'
import { within } from '../worker/within.ts'
import { JobInHand, LEASE_MS } from './job-in-hand.ts'
import { offer } from './offer.ts'
import { tieOf } from './relayed-job.ts'

/** At most so many jobs are on their way at once. */
const BATCH = 100

/** How often to look when the source gave no sign. */
const POLL_MS = 1_000

/** Until jobs are offered again whose tenant's backlog was full. */
const FULL_MS = 1_000

/** That backlogs are full is told once in so long: they may be for hours, and of many tenants. */
const TELL_FULL_MS = 60_000

/** How soon to look again while settlements are on their way, which may free keys. */
const UNSETTLED_MS = 20

/** What a {@link QueueRelay} is made of. */
export interface QueueRelayConfig {
  readonly queue: string
  readonly from: StoreSession
  readonly to: StoreSession
  readonly ports: RuntimePorts
  readonly logger: JobsLogger
}

/**
 * Moves the jobs of one queue: claims, enqueues and settles, in this order, so that whatever ends it leaves
 * each job in the source until the target has it. Offered again, it is found there.
 *
 * What was claimed stays in hand, its leases renewed, until the target has answered.
 */
export class QueueRelay {
  readonly #config: QueueRelayConfig
  readonly #loop: SupervisedLoop
  #inHand: readonly JobInHand[] = []
  /** Settled here, and not yet by the source. */
  readonly #unsettled = new Set<JobInHand>()
  #allSettled = Promise.withResolvers<void>()
  #isActive = false
  /** When a full backlog was last told of, on the monotonic clock. */
  #toldFullAt = -Infinity
  #detach = async (): Promise<void> => {}

  constructor(config: QueueRelayConfig) {
    this.#config = config
    const task = { name: `the relay of queue ${config.queue}`, round: () => this.#relay() }
    this.#loop = new SupervisedLoop(task, config.ports.timers, config.logger)
  }

  start(): void {
    const { from, queue } = this.#config
    this.#detach = from.attach(queue, () => {
      // What the target did not answer waits for it, whatever else there is.
      if (this.#inHand.length === 0) this.#loop.hasten()
    })
    this.#isActive = true
    this.#loop.start()
  }

  /** Claims no more, lets the round under way end, and gives back what the target did not answer. */
  async stop(): Promise<void> {
    const { queue, ports, logger } = this.#config
    this.#isActive = false
    await this.#loop.stop()
    this.#settle(this.#inHand.map(({ lease }) => release(lease)))
    const settled = this.#unsettled.size > 0 && this.#allSettled.promise
    await within(ports.timers, CALL_DEADLINE_MS, Promise.all([settled, this.#detach()]))
    if (this.#unsettled.size === 0) return
    logger.error('the store did not answer; leases are left to end by themselves', {
      queue,
      jobs: this.#unsettled.size,
    })
  }

  /** Moves jobs until there are none; resolves with the milliseconds until the next look. */
  async #relay(): Promise<number> {
    for (;;) {
      const settlements = await this.#handOver()
      // Without a turn between: the claim takes the settlements along.
      this.#settle(settlements)
      if (!this.#isActive) return 0
      const isStuck =
        settlements.length > 0 && settlements.every(({ outcome }) => outcome.type === 'release')
      if (isStuck) return FULL_MS
      const nextDueInMs = await this.#claim()
      if (this.#inHand.length > 0) continue
      if (this.#unsettled.size > 0) return UNSETTLED_MS
      return Math.max(1, Math.min(nextDueInMs ?? Infinity, POLL_MS))
    }
  }

  /** Offers what is in hand to the target. Resolves with how each job ends here, in the order in hand. */
  async #handOver(): Promise<readonly Settlement[]> {
    const delays = new Map<ClaimedJob, number>()
    const offered: ClaimedJob[] = []
    for (const { lease, isHeld } of this.#inHand) {
      const tie = tieOf(lease)
      if (!isHeld) delays.set(lease, 0)
      else if (tie === null) offered.push(lease)
      else delays.set(lease, this.#tied(lease, tie))
    }
    const refusals = await offer(this.#config.to, offered)
    for (const { jobs, error } of refusals) {
      for (const job of jobs) delays.set(job, this.#refused(job, error))
    }
    return this.#inHand.map(({ lease }) => {
      const delayMs = delays.get(lease)
      if (delayMs !== undefined) return release(lease, delayMs)
      // The source keeps no history: what becomes of the job the target tells.
      return complete(lease, null, { discard: true })
    })
  }

  #tied({ queue, id, releases }: ClaimedJob, tie: string): number {
    this.#config.logger.error('a job of this kind is not relayed; it waits in the source', {
      queue,
      jobId: id,
      has: tie,
    })
    return growingDelay(releases)
  }

  #refused({ queue, id, releases }: ClaimedJob, error: JobsError): number {
    const { ports, logger } = this.#config
    if (error.code !== 'JOBS_BACKLOG_FULL') {
      logger.error('the target refused a job; it waits in the source', { queue, jobId: id, error })
      return growingDelay(releases)
    }
    const now = ports.clock.monotonic()
    if (now - this.#toldFullAt >= TELL_FULL_MS) {
      this.#toldFullAt = now
      logger.warn('the target has no room for some jobs; they wait in the source', { queue, error })
    }
    return FULL_MS
  }

  /** One settlement for each job in hand. */
  #settle(settlements: readonly Settlement[]): void {
    const { settler, keeper } = this.#config.from
    const jobs = this.#inHand
    this.#inHand = []
    if (this.#unsettled.size === 0) this.#allSettled = Promise.withResolvers()
    settlements.forEach((settlement, index) => {
      const job = jobs[index]!
      this.#unsettled.add(job)
      settler.settle(settlement, {
        settled: () => {
          keeper.letGo(job)
          this.#unsettled.delete(job)
          if (this.#unsettled.size === 0) this.#allSettled.resolve()
        },
      })
    })
  }

  /** Takes jobs in hand. Resolves with when the source knows of more. */
  async #claim(): Promise<number | null> {
    const { nextDueInMs, hasSuspects } = await this.#ask({ slots: BATCH, suspects: false })
    // Left by a relay that vanished. No job is to blame for that, so they go with the others.
    let more = hasSuspects
    while (more && this.#inHand.length < BATCH) {
      const found = await this.#ask({ slots: 1, suspects: true })
      more = found.hasSuspects && found.jobs.length > 0
    }
    return nextDueInMs
  }

  async #ask(wanted: { readonly slots: number; readonly suspects: boolean }): Promise<ClaimResult> {
    const { queue, from, ports } = this.#config
    const askedAt = ports.clock.monotonic()
    const found = await from.claim({ queue, prefetch: 0, leaseMs: LEASE_MS, ...wanted })
    const jobs = found.jobs.map((job) => new JobInHand(job, askedAt + LEASE_MS))
    for (const job of jobs) from.keeper.hold(job)
    this.#inHand = [...this.#inHand, ...jobs]
    return found
  }
}
