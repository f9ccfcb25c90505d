import type { CancelTimer, JobsLogger } from '../runtime/ports.ts'
import type { JobsRuntime } from '../runtime/jobs-runtime.ts'
import type { ClaimedJob, ClaimResult } from '../storage/lease.ts'
import { Bag } from '../worker/bag.ts'
import { RetryPause } from '../worker/retry-pause.ts'
import type { SuspectPass } from '../worker/suspect-gate.ts'
import type { StoreSession } from '../worker/store-session.ts'
import type { Attempt } from './attempt.ts'
import { patience } from './patience.ts'
import { Prefetch } from './prefetch.ts'
import type { Slots } from './slots.ts'

/** Jobs that wait this long for a slot go back, so that another worker can have them. */
const LONGEST_WAIT_MS = 100

/**
 * While so many attempts that have ended are yet to be settled, claims wait: leases of a store that settles slower than
 * it hands out would expire in here.
 */
const MOST_UNSETTLED = 2_000

/** So many waiting jobs begin at once: to wait until a claim has left would take longer than they do. */
const MOST_BEGUN_AT_ONCE = 100

/** What a claim loop is made of. */
export interface ClaimLoopConfig {
  readonly queue: string
  readonly runtime: JobsRuntime
  readonly session: StoreSession
  readonly slots: Slots
  readonly leaseMs: number
  readonly pollIntervalMs: number
  readonly logger: JobsLogger
  /** Makes the attempt of a claimed job. */
  readonly attemptOf: (job: ClaimedJob, claimedAt: number) => Attempt
  /** Begins it; `started` and `finished` tell of the slot it takes. */
  readonly begin: (attempt: Attempt) => void
}

/**
 * Keeps the slots of one queue filled, from the jobs that wait here and from the store.
 *
 * `#pump` is the only place where jobs begin and claims are made. Whatever may have made room or work
 * (an attempt that ended, a hint, a timer, an answer) calls it, and calling it once too often is free.
 */
export class ClaimLoop {
  readonly #config: ClaimLoopConfig
  readonly #prefetch: Prefetch
  readonly #pause: RetryPause
  readonly #held = new Bag<'loopPlace', Attempt>('loopPlace')
  /** Claimed and not begun, in order. */
  #waiting: Attempt[] = []
  #nextWaiting = 0
  #running = 0
  #active = false
  #pumping = false
  #claiming = false
  /** The claim that is on its way out, before what waits here. */
  #leaving: object | null = null
  /** The store had nothing when last asked; a hint or a timer makes us ask again. */
  #dry = false
  #wantsPrefetch = true
  /** A hint, or what is as good as one, came while a claim was under way, which may have missed it. */
  #hinted = false
  /** Something ended while a claim was under way, which may not have seen it. */
  #endedMeanwhile = false
  /** The store said, when last asked, that jobs wait for the end of a lease. */
  #awaitsRelease = false
  /**
   * It was by looking unasked that we may find something: no hint may have come of it, and none of what comes next, so
   * that we look until there is nothing.
   */
  #looksUnasked = true
  #hasSuspects = false
  readonly #suspects = new Map<Attempt, SuspectPass>()
  #lastClaimAt: number | null = null
  #cancelPoll: CancelTimer | null = null
  #cancelOverdueCheck: CancelTimer | null = null
  #emptied: (() => void)[] = []

  constructor(config: ClaimLoopConfig) {
    this.#config = config
    this.#prefetch = new Prefetch(config.session.store.mostPrefetched)
    this.#pause = new RetryPause(config.runtime.ports.timers)
    config.slots.onRoom(() => {
      this.#pump()
    })
  }

  /** Attempts in progress. */
  get running(): number {
    return this.#running
  }

  /** Jobs claimed and not begun. */
  get prefetched(): number {
    return this.#waiting.length - this.#nextWaiting
  }

  /** When the store last answered a claim, on the monotonic clock; `null` if never. */
  get lastClaimAt(): number | null {
    return this.#lastClaimAt
  }

  get #isBehind(): boolean {
    return this.#held.size - this.#running - this.prefetched >= MOST_UNSETTLED
  }

  /** Every job of this loop that is not settled yet. */
  get held(): readonly Attempt[] {
    return this.#held.toArray()
  }

  start(): void {
    this.#active = true
    this.#pump()
  }

  /** Claims no more and gives back what has not begun. */
  stop(): void {
    this.#active = false
    this.#pause.cancel()
    this.#stopPolling()
    this.#cancelOverdueCheck?.()
    this.#cancelOverdueCheck = null
    this.#setHasSuspects(false)
    this.#giveBackWaiting()
    this.#config.session.settler.flush()
    this.#sayNeed()
  }

  /** Resolves when no claim is under way and nothing is held. */
  async emptied(): Promise<void> {
    while (this.#claiming || this.#held.size > 0) {
      await new Promise<void>((resolve) => this.#emptied.push(resolve))
    }
  }

  /** There may be something to claim. */
  lookAgain(): void {
    this.#dry = false
    this.#wantsPrefetch = true
    this.#hinted = true
    this.#pump()
  }

  /** The gate for suspects may have moved. */
  gateMoved(): void {
    this.#pump()
  }

  /** An attempt has taken a slot. */
  started(): void {
    this.#running += 1
    this.#config.slots.take()
  }

  /** How long the settlement of an attempt that was the last to end may wait for others, in milliseconds. */
  patienceFor(attempt: Attempt): number {
    const isAwaited = this.#awaitsRelease || isTied(attempt) || attempt.lease.limiter !== null
    return isAwaited || !this.#active ? 0 : patience(attempt.elapsedMs, this.#running - 1)
  }

  /** An attempt no longer needs its slot. */
  finished(attempt: Attempt): void {
    this.#running -= 1
    this.#config.slots.give()
    this.#prefetch.observe(attempt.elapsedMs)
    if (this.#awaitsRelease || isTied(attempt)) this.#dry = false
    this.#pump()
  }

  /** An attempt has been settled. */
  ended(attempt: Attempt): void {
    const { suspects } = this.#config.runtime
    const wasBehind = this.#isBehind
    this.#held.delete(attempt)
    suspects.letGo()
    const pass = this.#suspects.get(attempt)
    if (pass !== undefined) {
      this.#suspects.delete(attempt)
      pass.leave()
    }
    // Only now the lease has ended for certain: the claim that left when the attempt finished may have
    // been quicker than its settlement.
    this.#endedMeanwhile = true
    if (isTied(attempt)) this.#hinted = true
    if (this.#awaitsRelease || isTied(attempt)) {
      this.#dry = false
      this.#pump()
    } else if (wasBehind && !this.#isBehind) {
      this.#pump()
    }
    this.#tellIfEmptied()
  }

  #pump(): void {
    // An attempt that ends while it begins calls back in here; the outer round takes care of it.
    if (this.#pumping) return
    this.#pumping = true
    try {
      this.#beginWaiting()
    } finally {
      this.#pumping = false
    }
    this.#sayNeed()
    if (!this.#active || this.#claiming || this.#pause.active || this.#isBehind) return
    const { suspects } = this.#config.runtime
    const wantsSuspect = this.#hasSuspects && this.#config.slots.free > 0
    const pass = wantsSuspect ? suspects.tryEnter() : null
    if (pass !== null) void this.#claimSuspect(pass)
    else if (!this.#dry && suspects.open) this.#claimIfRoom()
  }

  #sayNeed(): void {
    const { slots } = this.#config
    const mayClaim =
      this.#active && !this.#pause.active && !this.#isBehind && (!this.#dry || this.#hasSuspects)
    if (mayClaim || this.prefetched > 0) slots.ask(this.prefetched)
    else slots.rest()
  }

  #beginWaiting(): void {
    const { slots } = this.#config
    while (this.#leaving === null && this.#nextWaiting < this.#waiting.length && slots.free > 0) {
      const attempt = this.#waiting[this.#nextWaiting++]!
      if (attempt.waiting) this.#begin(attempt)
    }
    if (this.#nextWaiting < this.#waiting.length) {
      this.#checkOverdueLater()
    } else {
      this.#waiting = []
      this.#nextWaiting = 0
    }
  }

  #begin(attempt: Attempt): void {
    try {
      this.#config.begin(attempt)
    } catch (error) {
      const { queue, id } = attempt.lease
      this.#config.logger.error('an attempt could not begin', { queue, jobId: id, error })
      attempt.giveBack(this.#config.pollIntervalMs)
    }
  }

  #claimIfRoom(): void {
    const { slots } = this.#config
    const { prefetched } = this
    const target = this.#prefetch.targetFor(slots.size)
    const room = slots.free - prefetched
    const free = Math.max(0, room)
    // Without a slot of its own nothing that is claimed ahead would begin soon.
    if (free === 0 && this.#running === 0) return
    // Half-empty before it is filled again: claims of one job each would cost a round trip each.
    if (free === 0 && (!this.#wantsPrefetch || prefetched * 2 > target)) return
    const prefetch = Math.max(0, room + target - free)
    if (free + prefetch > 0) void this.#claim(free, prefetch)
  }

  async #claim(slots: number, prefetch: number): Promise<void> {
    const { turns } = this.#config.session
    this.#claiming = true
    this.#config.slots.reserve(slots)
    this.#hinted = false
    this.#endedMeanwhile = false
    this.#stopPolling()
    // What is on its way here counts as held: a suspect must not begin beside it.
    const { suspects } = this.#config.runtime
    suspects.hold(1)
    if (turns.isOver()) await turns.next()
    const asks = this.#active && suspects.open
    if (asks && this.prefetched > MOST_BEGUN_AT_ONCE) this.#letItLeave()
    const found = asks ? await this.#ask(slots, prefetch, false) : null
    this.#leaving = null
    this.#claiming = false
    this.#config.slots.answered({ failed: asks && found === null })
    suspects.letGo()
    if (found !== null) {
      this.#setHasSuspects(found.hasSuspects)
      this.#awaitsRelease = found.awaitsRelease
      const missed = this.#hinted || (found.awaitsRelease && this.#endedMeanwhile)
      if (found.jobs.length === 0) this.#looksUnasked = false
      const hasMore = found.jobs.length > 0 && (found.nextDueInMs === 0 || this.#looksUnasked)
      if (hasMore || missed) this.#wantsPrefetch = true
      // What there is may wait for a slot, because a key governs it: the next slot asks for it.
      else if (slots === 0 && found.nextDueInMs === 0) this.#wantsPrefetch = false
      else this.#rest(found.nextDueInMs)
    }
    this.#pump()
    this.#tellIfEmptied()
  }

  // Drivers write when a turn of the event loop ends: what begins before that keeps the store waiting, and is then waited
  // for itself. The next turn may be about to begin before the driver's own.
  #letItLeave(): void {
    const { timers } = this.#config.runtime.ports
    const leaving = {}
    this.#leaving = leaving
    timers.soon(() => {
      timers.soon(() => {
        if (this.#leaving !== leaving) return
        this.#leaving = null
        this.#pump()
      })
    })
  }

  async #claimSuspect(pass: SuspectPass): Promise<void> {
    this.#claiming = true
    this.#config.slots.reserve(1)
    const found = await this.#ask(1, 0, true)
    this.#claiming = false
    this.#config.slots.answered({ failed: found === null })
    const [job] = found?.jobs ?? []
    const attempt = this.#held.toArray().find(({ lease }) => lease === job)
    if (job === undefined || attempt === undefined) {
      // Another worker was quicker, or the store did not answer; the next claim tells.
      this.#hasSuspects = false
      pass.leave()
    } else {
      pass.claimed(job.lostLeases)
      this.#hasSuspects = found?.hasSuspects ?? false
      this.#suspects.set(attempt, pass)
    }
    this.#pump()
    this.#tellIfEmptied()
  }

  async #ask(slots: number, prefetch: number, suspects: boolean): Promise<ClaimResult | null> {
    const { queue, session, leaseMs, runtime, logger } = this.#config
    const { clock } = runtime.ports
    const askedAt = clock.monotonic()
    try {
      const found = await session.claim({ queue, slots, prefetch, leaseMs, suspects })
      this.#lastClaimAt = clock.monotonic()
      this.#pause.reset()
      this.#take(found.jobs, askedAt)
      return found
    } catch (error) {
      if (this.#pause.isFresh) logger.warn('claiming failed; it is repeated', { queue, error })
      if (this.#active) {
        this.#pause.before(() => {
          this.#pump()
        })
      }
      return null
    }
  }

  #take(jobs: readonly ClaimedJob[], askedAt: number): void {
    const { runtime, session, attemptOf } = this.#config
    runtime.suspects.hold(jobs.length)
    for (const job of jobs) {
      const attempt = attemptOf(job, askedAt)
      this.#prefetch.received(job.payload.length)
      this.#held.add(attempt)
      session.keeper.hold(attempt)
      this.#waiting.push(attempt)
    }
    if (!this.#active) this.#giveBackWaiting()
  }

  #setHasSuspects(hasSuspects: boolean): void {
    if (this.#hasSuspects && !hasSuspects) this.#config.runtime.suspects.giveUp()
    this.#hasSuspects = hasSuspects
  }

  #rest(nextDueInMs: number | null): void {
    this.#dry = true
    if (!this.#active) return
    const { pollIntervalMs } = this.#config
    const waitMs = Math.min(nextDueInMs ?? Infinity, pollIntervalMs)
    this.#stopPolling()
    this.#cancelPoll = this.#config.runtime.ports.timers.after(Math.max(1, waitMs), () => {
      this.#cancelPoll = null
      if (waitMs === pollIntervalMs) this.#looksUnasked = true
      this.lookAgain()
    })
  }

  #stopPolling(): void {
    this.#cancelPoll?.()
    this.#cancelPoll = null
  }

  #checkOverdueLater(): void {
    if (this.#cancelOverdueCheck !== null || !this.#active) return
    const { clock, timers } = this.#config.runtime.ports
    this.#cancelOverdueCheck = timers.after(LONGEST_WAIT_MS, () => {
      this.#cancelOverdueCheck = null
      const oldest = this.#waiting[this.#nextWaiting]
      if (oldest === undefined) return
      if (clock.monotonic() - oldest.claimedAt >= LONGEST_WAIT_MS) {
        this.#prefetch.observe(LONGEST_WAIT_MS)
        this.#giveBackWaiting()
      } else {
        this.#checkOverdueLater()
      }
    })
  }

  #giveBackWaiting(): void {
    const waiting = this.#waiting.slice(this.#nextWaiting)
    this.#waiting = []
    this.#nextWaiting = 0
    for (const attempt of waiting) attempt.giveBack(0)
  }

  #tellIfEmptied(): void {
    if (this.#claiming || this.#held.size > 0) return
    for (const resolve of this.#emptied.splice(0)) resolve()
  }
}

/** Whether others may start when it has ended: it frees a key, or is the last of a group. */
function isTied({ lease: { keys, group } }: Attempt): boolean {
  return keys !== null || group !== null
}
