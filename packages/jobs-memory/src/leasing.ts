import type {
  ClaimedJob,
  ClaimRequest,
  ClaimResult,
  Outcome,
  Settlement,
  SettleResult,
} from '@cgk/jobs-core'
import type { Allowance } from './allowance.ts'
import type { Enqueuer } from './enqueuer.ts'
import { noteFailure, toClaimedJob, type Job } from './job.ts'
import type { QueueState } from './queue-state.ts'
import { CANCELLED, COMPLETED, FAILED, RUNNING } from './standing.ts'
import type { StoreState } from './store-state.ts'
import type { Transitions } from './transitions.ts'

/** Leases jobs to workers, and ends what they began. */
export class Leasing {
  readonly #state: StoreState
  readonly #transitions: Transitions
  readonly #enqueuer: Enqueuer

  constructor(state: StoreState, transitions: Transitions, enqueuer: Enqueuer) {
    this.#state = state
    this.#transitions = transitions
    this.#enqueuer = enqueuer
  }

  claim(request: ClaimRequest, now: number): ClaimResult {
    const queue = this.#state.queues.get(request.queue)
    if (queue === undefined || queue.dispatch.allowance.paused) {
      queue?.told(Infinity)
      return { jobs: [], nextDueInMs: null, awaitsRelease: false, hasSuspects: false }
    }
    const { dispatch } = queue
    queue.promote(now)
    const jobs = request.suspects
      ? this.#claimSuspect(queue, request, now)
      : this.#claimReady(queue, request, now)
    const { hasReady, hasSuspects, awaitsRelease } = dispatch
    const hasMore = hasReady || (request.suspects && hasSuspects)
    const nextDueAt = hasMore ? now : queue.nextDueAt
    queue.told(nextDueAt)
    const nextDueInMs = nextDueAt === Infinity ? null : nextDueAt - now
    return { jobs, nextDueInMs, awaitsRelease, hasSuspects }
  }

  settle(settlement: Settlement, now: number): SettleResult {
    const { lease, outcome, followUps, discard, headers } = settlement
    const job = this.#state.find(lease)
    if (job === undefined || job.token !== lease.token || job.leaseStage === 'none') return 'lost'
    // Not held: this settlement was recorded before, and its reply lost.
    if (job.leaseStage !== 'held') return job.leaseStage
    const transitions = this.#transitions
    const limiter = job.lane.queue.dispatch.limiterOf(job)
    if (job.standing === CANCELLED) {
      transitions.endLease(job, 'cancelled', now)
      return 'cancelled'
    }
    const conflict = followUps.length > 0 ? this.#enqueuer.findConflict(followUps) : null
    if (conflict !== null) return { status: 'conflict', ...conflict }
    if (limiter !== null) tell(limiter, outcome, now)
    transitions.endLease(job, 'settled', now)
    job.updatedAt = now
    if (headers !== undefined) job.extras = { ...job.extras, headers }
    // An attempt given back has shown nothing: its handler may not even have begun.
    if (outcome.type !== 'release') job.isSuspect = false
    switch (outcome.type) {
      case 'complete':
        job.result = outcome.result
        job.error = null
        transitions.end(job, COMPLETED, now, discard)
        break
      case 'fail':
        job.error = Object.freeze({ ...outcome.error })
        noteFailure(job, job.error, now)
        transitions.end(job, FAILED, now, discard)
        break
      case 'retry':
        job.error = Object.freeze({ ...outcome.error })
        noteFailure(job, job.error, now)
        transitions.wait(job, outcome.delayMs, now)
        break
      case 'release':
        job.attempts--
        job.releases++
        transitions.wait(job, outcome.delayMs, now)
        break
    }
    if (followUps.length > 0) this.#enqueuer.enqueue(followUps, now)
    return 'settled'
  }

  /** Takes back expired leases, the one that expired first first. */
  reclaim(limit: number, now: number): number {
    let reclaimed = 0
    for (; reclaimed < limit; reclaimed++) {
      const job = this.#state.leases.first()
      if (job === undefined || job.expiresAt > now) break
      this.#transitions.endLease(job, 'none', now)
      if (job.standing === CANCELLED) continue
      noteFailure(job, null, now)
      job.attempts--
      job.lostLeases++
      job.updatedAt = now
      job.isSuspect = true
      job.lane.queue.wait(job, now)
    }
    return reclaimed
  }

  #claimReady({ dispatch }: QueueState, request: ClaimRequest, now: number): ClaimedJob[] {
    const jobs: ClaimedJob[] = []
    let job: Job | undefined
    const nonce = dispatch.hasReady ? this.#state.random.hex(16) : ''
    while (jobs.length < request.slots && (job = dispatch.takeReady()) !== undefined) {
      jobs.push(this.#grant(job, request, now, nonce))
    }
    if (request.prefetch > 0 && dispatch.hasReady) {
      for (const plain of dispatch.takeUngoverned(request.prefetch)) {
        jobs.push(this.#grant(plain, request, now, nonce))
      }
    }
    return jobs
  }

  #claimSuspect({ dispatch }: QueueState, request: ClaimRequest, now: number): ClaimedJob[] {
    const job = request.slots > 0 ? dispatch.takeSuspect() : undefined
    return job === undefined ? [] : [this.#grant(job, request, now, this.#state.random.hex(16))]
  }

  #grant(job: Job, request: ClaimRequest, now: number, nonce: string): ClaimedJob {
    const { queue } = job.lane
    queue.stand(job, RUNNING)
    job.attempts++
    job.startedAt = now
    job.updatedAt = now
    job.worker = request.worker
    this.#state.leases.grant(job, now + request.leaseMs, nonce)
    queue.granted(job, now)
    return toClaimedJob(job)
  }
}

/** What an attempt tells of what is behind its limiter. */
function tell(limiter: Allowance, outcome: Outcome, now: number): void {
  switch (outcome.type) {
    case 'complete':
      limiter.succeeded()
      return
    case 'retry':
      limiter.failed(now)
      return
    case 'fail':
      if (outcome.error.retryable) limiter.failed(now)
      return
    case 'release':
      if (outcome.pauseLimiterMs !== undefined) limiter.pauseUntil(now + outcome.pauseLimiterMs)
  }
}
