import {
  MAX_LOG_LINES,
  type ActionResult,
  type AttemptReport,
  type ClaimRequest,
  type ClaimResult,
  type ControlScope,
  type EnqueueResult,
  type JobCounts,
  type JobFilter,
  type JobRecord,
  type JobRef,
  type JobState,
  type JobStatus,
  type Lease,
  type LeaseState,
  type NewJob,
  type Settlement,
  type SettleResult,
} from '@cgk/jobs-core'
import { expect } from 'vitest'
import type { HistoryOptions, Retention } from '../harness.ts'
import { compareRecord } from './compare-record.ts'
import { hasEnded, keyOf, mustPrecede, statusAt, type ModelJob, type Place } from './model-job.ts'

/** The cohort of jobs that never had to wait for their time: all of them are in order. */
const IN_ORDER = 'in order'

/** One refused or accepted answer of the store, as a set of those the contract allows. */
function expectOneOf<T>(answer: T, allowed: readonly T[], what: string): void {
  expect(allowed, what).toContain(answer)
}

/**
 * The contract as a program: plain arrays, linear scans, no thought of speed.
 *
 * It never chooses. Each method takes what a store was asked and what it answered, throws when the
 * contract does not allow that answer, and otherwise becomes what the answer means. Where the contract
 * leaves freedom (whose turn it is among tenants, which expired leases a bounded round takes back)
 * the model so follows the store.
 */
export class ReferenceModel {
  now: number
  readonly #history: HistoryOptions
  /** Jobs that are retained, in order of creation. */
  #jobs: ModelJob[] = []
  /** Every ref there has ever been. */
  readonly #refs: JobRef[] = []
  /** Every lease there has ever been, and which worker remembers it. */
  readonly #leases: { readonly lease: Lease; worker: string | null }[] = []
  /** Answers that were given to tokens; a job that is no longer retained may still give them. */
  readonly #answers = new Map<string, SettleResult>()
  readonly #paused: ControlScope[] = []
  #turns = 0
  #calls = 0

  constructor(now: number, history: HistoryOptions) {
    this.now = now
    this.#history = history
  }

  /** The refs of all jobs there have ever been, deleted ones included. */
  get refs(): readonly JobRef[] {
    return this.#refs
  }

  /** The refs of the retained jobs in one of the states. */
  refsIn(states: readonly JobState[]): readonly JobRef[] {
    return this.#jobs.filter((job) => states.includes(job.state)).map((job) => job.ref)
  }

  /** Every lease ever handed out. */
  get leases(): readonly Lease[] {
    return this.#leases.map(({ lease }) => lease)
  }

  /** The leases that a worker remembers. */
  leasesOf(worker: string): readonly Lease[] {
    return this.#leases.filter((held) => held.worker === worker).map(({ lease }) => lease)
  }

  /** The worker forgets its leases, and is never heard of again with them. */
  crash(worker: string): void {
    for (const held of this.#leases) if (held.worker === worker) held.worker = null
  }

  /** Whether a job with this ref is there and has not ended. */
  isLive(ref: JobRef): boolean {
    const job = this.#find(ref)
    return job !== undefined && !hasEnded(job)
  }

  /** Whether a job with this ref is there. */
  isRetained(ref: JobRef): boolean {
    return this.#find(ref) !== undefined
  }

  advance(ms: number): void {
    this.now += ms
  }

  enqueue(inputs: readonly NewJob[], results: readonly EnqueueResult[]): void {
    expect(results.length, 'one answer for each job').toBe(inputs.length)
    const call = this.#nextCall()
    for (const [index, input] of inputs.entries()) {
      const result = results[index]!
      if (result.status === 'enqueued') this.#learnDeleted(this.#findTaken(input))
      const taken = this.#findTaken(input)
      expect(result.status, `enqueue of job ${index}`).toBe(taken ? 'existing' : 'enqueued')
      if (result.status === 'existing') {
        compareRecord({ ...result.job, log: taken!.log }, taken!, this.now, 'the existing job')
        continue
      }
      expect(result.createdAt, 'createdAt').toBe(this.now)
      expect(result.runAt, 'runAt').toBe(this.#runAtOf(input))
      const ref = { queue: input.queue, tenantId: input.tenantId, id: result.id }
      expect(this.#find(ref), 'an id that is not taken').toBeUndefined()
      this.#add(ref, input, { call, part: 0 })
    }
  }

  claim(request: ClaimRequest, result: ClaimResult): void {
    const { queue, slots, prefetch, suspects, worker, leaseMs } = request
    const claimable = this.#claimable(queue).filter((job) => job.suspect === suspects)
    const room = slots + prefetch
    const most = Math.min(suspects ? 1 : room, room, claimable.length)
    const least = Math.min(suspects ? 1 : slots, slots, claimable.length)
    expect(result.jobs.length, 'jobs claimed').toBeGreaterThanOrEqual(least)
    expect(result.jobs.length, 'jobs claimed').toBeLessThanOrEqual(most)

    const left = [...claimable]
    for (const record of result.jobs) {
      const job = left.find((candidate) => candidate.key === keyOf(record))
      if (job === undefined) throw new Error(`job ${keyOf(record)} could not be claimed`)
      left.splice(left.indexOf(job), 1)
      const passed = left.find((other) => this.#sameLane(other, job) && mustPrecede(other, job))
      expect(passed?.ref ?? null, `the job claimed instead of ${job.ref.id}`).toBeNull()
      expect(
        this.#leases.some(({ lease }) => lease.token === record.token),
        'a new token',
      ).toBe(false)
      job.state = 'running'
      job.changedAt = this.now
      job.attempts += 1
      job.startedAt = this.now
      job.lease = {
        token: record.token,
        expiresAt: this.now + leaseMs,
        isUncertain: false,
      }
      job.settledToken = null
      job.settledOutcome = null
      job.cancelledToken = null
      job.freedToken = null
      this.#leases.push({ lease: { ...job.ref, token: record.token }, worker })
      compareRecord({ ...record, log: job.log }, job, this.now, 'a claimed job')
    }

    expect(result.hasSuspects, 'hasSuspects').toBe(
      this.#claimable(queue).some((job) => job.suspect),
    )
    if (!suspects) this.#checkNextDue(request, result, left.length)
  }

  extend(leases: readonly Lease[], leaseMs: number, states: readonly LeaseState[]): void {
    expect(states.length, 'one answer for each lease').toBe(leases.length)
    for (const [index, lease] of leases.entries()) {
      if (states[index] === 'lost') this.#learnFreed(lease)
      const job = this.#findHeld(lease)
      expect(states[index], `heartbeat of ${lease.id}`).toBe(this.#leaseStateOf(job))
      if (!job?.lease) continue
      job.lease.expiresAt = Math.max(job.lease.expiresAt, this.now + leaseMs)
      job.lease.isUncertain = false
    }
  }

  settle(settlements: readonly Settlement[], results: readonly SettleResult[]): void {
    expect(results.length, 'one answer for each settlement').toBe(settlements.length)
    const call = this.#nextCall()
    for (const [index, settlement] of settlements.entries()) {
      const answer = results[index]!
      const what = `settlement of ${settlement.lease.id} as ${settlement.outcome.type}`
      if (answer === 'lost') this.#learnFreed(settlement.lease)
      const job = this.#findHeld(settlement.lease)
      if (job === undefined) {
        if (!this.#answersToStale(settlement).includes(answer)) {
          this.#learnDeleted(this.#find(settlement.lease))
        }
        expectOneOf(answer, this.#answersToStale(settlement), what)
        continue
      }
      expect(answer, what).toBe(job.state === 'cancelled' ? 'cancelled' : 'settled')
      this.#answers.set(settlement.lease.token, answer)
      job.lease = null
      if (answer === 'cancelled') {
        job.cancelledToken = settlement.lease.token
        continue
      }
      job.settledToken = settlement.lease.token
      job.settledOutcome = JSON.stringify(settlement.outcome)
      if (settlement.outcome.type !== 'release') job.suspect = false
      job.changedAt = this.now
      this.#record(job, settlement, { call, part: index })
    }
  }

  report(reports: readonly AttemptReport[], accepted: readonly boolean[]): void {
    expect(accepted.length, 'one answer for each report').toBe(reports.length)
    for (const [index, { lease, progress, log }] of reports.entries()) {
      const job = this.#findHeld(lease)
      // What a cancelled attempt still says is refused or kept; both are sound.
      const allowed = job === undefined ? [false] : job.state === 'running' ? [true] : [true, false]
      expectOneOf(accepted[index]!, allowed, `report of ${lease.id}`)
      if (job === undefined || accepted[index] === false) continue
      if (progress !== undefined) job.progress = progress
      if (log !== undefined) job.log = [...job.log, ...log].slice(-MAX_LOG_LINES)
    }
  }

  /** Checks a round of upkeep; `records` are the jobs of {@link refs} read after it. */
  maintain(
    limit: number,
    done: { readonly reclaimed: number; readonly pruned: number; readonly nextInMs: number | null },
    records: readonly (JobRecord | null)[],
  ): void {
    const before = this.#jobs.length
    let reclaimed = 0
    let freed = 0
    for (const job of this.#jobs.filter((each) => this.#isExpired(each))) {
      const record = records[this.#indexOf(job.ref)] ?? null
      if (job.state === 'cancelled') {
        freed += 1
        job.lease!.isUncertain = true
        continue
      }
      if (record === null || record.state === 'running') continue
      reclaimed += 1
      job.state = 'pending'
      job.changedAt = this.now
      job.attempts -= 1
      job.lostLeases += 1
      job.suspect = true
      job.lease = null
    }
    expect(done.reclaimed, 'leases taken back').toBeGreaterThanOrEqual(reclaimed)
    expect(done.reclaimed, 'leases taken back').toBeLessThanOrEqual(reclaimed + freed)
    expect(done.reclaimed, 'leases taken back in one round').toBeLessThanOrEqual(limit)
    expect(done.pruned, 'jobs deleted in one round').toBeLessThanOrEqual(limit)

    this.compareJobs(records)
    const gone = before - this.#jobs.length
    expect(done.pruned, 'jobs deleted').toBeLessThanOrEqual(gone)
    // A cancelled job that a round frees may push another out of a full history, uncounted.
    expect(done.pruned, 'jobs deleted').toBeGreaterThanOrEqual(gone - freed)
    if (done.reclaimed + done.pruned < limit) this.#expectNothingLeftToDo(done.nextInMs)
    else if (this.#jobs.some((job) => this.#isExpired(job) && job.state === 'running')) {
      expect(done.nextInMs, 'more is to be done now').toBe(0)
    }
  }

  cancel(refs: readonly JobRef[], results: readonly ActionResult[]): void {
    this.#act(refs, results, (job) => {
      if (hasEnded(job)) return false
      job.state = 'cancelled'
      job.changedAt = this.now
      job.endedAt = this.now
      return true
    })
  }

  retry(refs: readonly JobRef[], results: readonly ActionResult[]): void {
    const call = this.#nextCall()
    this.#act(refs, results, (job, index) => {
      if (job.state !== 'failed' && job.state !== 'cancelled') return false
      if (job.lease !== null) return false
      job.place = this.#place({ call, part: index }, IN_ORDER)
      job.state = 'pending'
      job.changedAt = this.now
      job.generation += 1
      job.runAt = this.now
      job.startedAt = undefined
      job.endedAt = null
      job.attempts = 0
      job.releases = 0
      job.lostLeases = 0
      job.mayCountLostLease = false
      job.result = null
      job.error = null
      job.progress = null
      job.log = []
      job.suspect = false
      return true
    })
  }

  remove(refs: readonly JobRef[], results: readonly ActionResult[]): void {
    this.#act(refs, results, (job) => {
      if (job.lease !== null) return false
      this.#jobs.splice(this.#jobs.indexOf(job), 1)
      return true
    })
  }

  pause(scope: ControlScope): void {
    if (!this.isPaused(scope)) this.#paused.push(scope)
  }

  resume(scope: ControlScope): void {
    const index = this.#paused.findIndex((each) => sameScope(each, scope))
    if (index >= 0) this.#paused.splice(index, 1)
  }

  isPaused(scope: ControlScope): boolean {
    return this.#paused.some((each) => sameScope(each, scope))
  }

  /** Checks the pages of a list, read with nothing happening between them. */
  list(
    filter: JobFilter & { readonly statuses?: readonly JobStatus[] },
    jobs: readonly JobRecord[],
  ): void {
    const { queue, tenantId, names, statuses } = filter
    const expected = this.#jobs.filter(
      ({ ref, input }) =>
        ref.queue === queue &&
        (tenantId === undefined || ref.tenantId === tenantId) &&
        (names === undefined || names.includes(input.name)),
    )
    const matching = expected.filter(
      (job) => statuses === undefined || statuses.includes(statusAt(job, this.now)),
    )
    expect(jobs.map(keyOf).sort(), 'the jobs listed').toEqual(matching.map((job) => job.key).sort())
    let newest = Infinity
    for (const record of jobs) {
      expect(record.createdAt, 'newest first').toBeLessThanOrEqual(newest)
      newest = record.createdAt
      expect(record.log, 'no log in lists').toEqual([])
      const job = this.#find(record)!
      compareRecord({ ...record, log: job.log }, job, this.now, 'a listed job')
    }
  }

  counts(scope: { readonly queue: string; readonly tenantId?: string | null }): JobCounts {
    const counts: Record<JobStatus, number> = {
      pending: 0,
      scheduled: 0,
      retrying: 0,
      running: 0,
      completed: 0,
      failed: 0,
      cancelled: 0,
    }
    for (const job of this.#jobs) {
      if (job.ref.queue !== scope.queue) continue
      if (scope.tenantId !== undefined && job.ref.tenantId !== scope.tenantId) continue
      counts[statusAt(job, this.now)] += 1
    }
    return counts
  }

  /**
   * Compares what a store shows of {@link refs} with what the model knows. History past its retention
   * may have been deleted at any time; the model then forgets it.
   */
  compareJobs(records: readonly (JobRecord | null)[]): void {
    expect(records.length, 'one record for each ref').toBe(this.#refs.length)
    const deleted: ModelJob[] = []
    for (const [index, ref] of this.#refs.entries()) {
      const record = records[index] ?? null
      const job = this.#find(ref)
      if (record !== null && job !== undefined) compareRecord(record, job, this.now, 'a job')
      else if (record !== null) throw new Error(`job ${keyOf(ref)} was deleted and is back`)
      else if (job !== undefined) deleted.push(job)
    }
    if (deleted.length === 0) return
    this.#forget(deleted)
  }

  /** History past its retention may go at any time, also in the middle of a call. */
  #learnDeleted(job: ModelJob | undefined): void {
    if (job !== undefined && this.#mayBeDeleted(job)) this.#forget([job])
  }

  #forget(deleted: readonly ModelJob[]): void {
    for (const job of deleted) {
      if (!this.#mayBeDeleted(job)) throw new Error(`job ${job.key} (${job.state}) is gone`)
    }
    const before = this.#jobs
    this.#jobs = before.filter((job) => !deleted.includes(job))
    for (const state of ['completed', 'failed', 'cancelled'] as const) {
      const retention = this.#history[state]
      if (retention === undefined) continue
      const young = (job: ModelJob) => job.state === state && !this.#isOld(job, retention)
      const kept = this.#jobs.filter(young).length
      const owed = Math.min(retention.maxCount, before.filter(young).length)
      expect(kept, `${state} jobs kept`).toBeGreaterThanOrEqual(owed)
    }
  }

  #record(job: ModelJob, settlement: Settlement, part: Pick<Place, 'call' | 'part'>): void {
    const { outcome, followUps, discard } = settlement
    switch (outcome.type) {
      case 'complete':
        job.state = 'completed'
        job.result = outcome.result
        job.error = null
        job.endedAt = this.now
        break
      case 'fail':
        job.state = 'failed'
        job.error = outcome.error
        job.endedAt = this.now
        break
      case 'retry':
        job.state = 'pending'
        job.error = outcome.error
        job.runAt = this.now + outcome.delayMs
        job.startedAt = undefined
        // Where a retried job stands among its equals is nowhere promised.
        job.place = this.#place(part, `retried ${this.#turns}`)
        break
      case 'release':
        job.state = 'pending'
        job.attempts -= 1
        job.releases += 1
        job.runAt = this.now + outcome.delayMs
        job.startedAt = undefined
        if (outcome.delayMs > 0) job.place = this.#place(part, `released ${this.#turns}`)
        break
    }
    if (hasEnded(job) && discard) this.#jobs.splice(this.#jobs.indexOf(job), 1)
    for (const followUp of followUps) {
      if (followUp.jobId === undefined) throw new Error('the model follows named follow-ups only')
      if (this.#findTaken(followUp) !== undefined) continue
      const { queue, tenantId, jobId: id } = followUp
      this.#add({ queue, tenantId, id }, followUp, part)
    }
  }

  /** What may be answered to a settlement whose lease is not current. */
  #answersToStale({ lease, outcome }: Settlement): SettleResult[] {
    const job = this.#find(lease)
    if (job === undefined) return ['lost', this.#answers.get(lease.token) ?? 'lost']
    if (job.settledToken === lease.token) {
      return job.settledOutcome === JSON.stringify(outcome) ? ['settled'] : ['settled', 'lost']
    }
    if (job.cancelledToken === lease.token) {
      return job.state === 'cancelled' ? ['cancelled'] : ['cancelled', 'lost']
    }
    return job.freedToken === lease.token ? ['cancelled', 'lost'] : ['lost']
  }

  #act(
    refs: readonly JobRef[],
    results: readonly ActionResult[],
    action: (job: ModelJob, index: number) => boolean,
  ): void {
    expect(results.length, 'one answer for each ref').toBe(refs.length)
    for (const [index, ref] of refs.entries()) {
      const result = results[index]!
      if (result.status === 'notFound') this.#learnDeleted(this.#find(ref))
      const job = this.#find(ref)
      if (job === undefined) {
        expect(result.status, `action on ${keyOf(ref)}`).toBe('notFound')
        continue
      }
      if (result.status === 'changed' && job.lease?.isUncertain === true) this.#free(job)
      const status = action(job, index) ? 'changed' : 'unchanged'
      expect(result.status, `action on ${keyOf(ref)} (${job.state})`).toBe(status)
      if (result.status === 'notFound') continue
      compareRecord({ ...result.job, log: job.log }, job, this.now, 'the job of an action')
    }
  }

  #leaseStateOf(job: ModelJob | undefined): LeaseState {
    if (job === undefined) return 'lost'
    if (job.state === 'cancelled') return 'cancelled'
    return this.#isPaused(job) ? 'paused' : 'held'
  }

  #learnFreed(lease: Lease): void {
    const job = this.#findHeld(lease)
    if (job?.lease?.isUncertain === true) this.#free(job)
  }

  #free(job: ModelJob): void {
    job.freedToken = job.lease?.token ?? null
    job.lease = null
    job.mayCountLostLease = true
  }

  #expectNothingLeftToDo(nextInMs: number | null): void {
    for (const job of this.#jobs) {
      if (!this.#isExpired(job)) continue
      expect(job.state, `the expired lease of ${job.ref.id} was not taken back`).toBe('cancelled')
      this.#free(job)
    }
    const leases = this.#jobs.flatMap((job) => job.lease ?? [])
    if (leases.length > 0) {
      const first = Math.min(...leases.map((lease) => lease.expiresAt)) - this.now
      expect(nextInMs, 'nextInMs, while leases run').not.toBeNull()
      expect(nextInMs, 'nextInMs').toBeLessThanOrEqual(first + 1)
    }
    for (const state of ['completed', 'failed', 'cancelled'] as const) {
      const retention = this.#history[state]
      if (retention === undefined) continue
      const ended = this.#jobs.filter((job) => job.state === state && job.lease === null)
      const overdue = ended.filter((job) => this.now - job.endedAt! > 2 * retention.maxAgeMs)
      expect(
        overdue.map((job) => job.ref.id),
        `${state} jobs past their age`,
      ).toEqual([])
      const shelves = new Map<string, number>()
      for (const { ref } of ended) {
        const shelf = JSON.stringify([ref.queue, ref.tenantId])
        shelves.set(shelf, (shelves.get(shelf) ?? 0) + 1)
      }
      for (const count of shelves.values()) {
        expect(count, `${state} jobs of one tenant kept`).toBeLessThanOrEqual(retention.maxCount)
      }
    }
  }

  #checkNextDue({ queue, slots }: ClaimRequest, result: ClaimResult, left: number): void {
    const { nextDueInMs } = result
    if (left > 0) {
      expect(nextDueInMs, 'nextDueInMs, with more to claim').toBe(0)
      return
    }
    const waiting = this.#jobs.filter(
      (job) => job.ref.queue === queue && job.state === 'pending' && job.runAt > this.now,
    )
    const open = waiting.filter((job) => !this.#isPaused(job))
    const allowed: (number | null)[] = [
      open.length > 0 ? Math.min(...open.map((job) => job.runAt)) - this.now : null,
    ]
    // A job of a paused scope may be counted or not: when it can be claimed nobody knows.
    if (waiting.length > open.length) {
      allowed.push(Math.min(...waiting.map((job) => job.runAt)) - this.now)
    }
    if (result.jobs.length >= slots) allowed.push(0)
    expectOneOf(nextDueInMs, allowed, 'nextDueInMs')
  }

  #claimable(queue: string): ModelJob[] {
    return this.#jobs.filter(
      (job) =>
        job.ref.queue === queue &&
        job.state === 'pending' &&
        job.runAt <= this.now &&
        !this.#isPaused(job),
    )
  }

  #isPaused({ ref: { queue, tenantId } }: ModelJob): boolean {
    return this.isPaused({ queue }) || this.isPaused({ queue, tenantId })
  }

  #isExpired(job: ModelJob): boolean {
    return job.lease !== null && job.lease.expiresAt <= this.now
  }

  #mayBeDeleted(job: ModelJob): boolean {
    if (!hasEnded(job)) return false
    const retention = this.#history[job.state as 'completed' | 'failed' | 'cancelled']
    if (retention === undefined) return false
    const newer = this.#jobs.filter(
      (other) => other !== job && other.state === job.state && other.endedAt! >= job.endedAt!,
    )
    return this.#isOld(job, retention) || newer.length >= retention.maxCount
  }

  #isOld(job: ModelJob, retention: Retention): boolean {
    return this.now - job.endedAt! >= retention.maxAgeMs
  }

  #sameLane(a: ModelJob, b: ModelJob): boolean {
    return a.ref.queue === b.ref.queue && a.ref.tenantId === b.ref.tenantId
  }

  #find(ref: JobRef): ModelJob | undefined {
    const key = keyOf(ref)
    return this.#jobs.find((job) => job.key === key)
  }

  #findTaken({ queue, tenantId, jobId }: NewJob): ModelJob | undefined {
    return jobId === undefined ? undefined : this.#find({ queue, tenantId, id: jobId })
  }

  #findHeld(lease: Lease): ModelJob | undefined {
    const job = this.#find(lease)
    return job?.lease?.token === lease.token ? job : undefined
  }

  #indexOf(ref: JobRef): number {
    const key = keyOf(ref)
    return this.#refs.findIndex((each) => keyOf(each) === key)
  }

  #add(ref: JobRef, input: NewJob, part: Pick<Place, 'call' | 'part'>): void {
    const runAt = this.#runAtOf(input)
    const cohort = runAt <= this.now ? IN_ORDER : `call ${part.call} at ${runAt}`
    if (this.#indexOf(ref) < 0) this.#refs.push(ref)
    this.#jobs.push({
      ref,
      key: keyOf(ref),
      input,
      createdAt: this.now,
      changedAt: this.now,
      place: this.#place(part, cohort),
      state: 'pending',
      runAt,
      startedAt: null,
      endedAt: null,
      attempts: 0,
      releases: 0,
      lostLeases: 0,
      generation: 1,
      result: null,
      error: null,
      progress: null,
      log: [],
      suspect: false,
      lease: null,
      settledToken: null,
      settledOutcome: null,
      cancelledToken: null,
      freedToken: null,
      mayCountLostLease: false,
    })
  }

  #runAtOf({ runAt, delayMs }: NewJob): number {
    return runAt ?? this.now + (delayMs ?? 0)
  }

  #place(part: Pick<Place, 'call' | 'part'>, cohort: string): Place {
    this.#turns += 1
    return { turn: this.#turns, cohort, ...part }
  }

  #nextCall(): number {
    this.#calls += 1
    return this.#calls
  }
}

function sameScope(a: ControlScope, b: ControlScope): boolean {
  return a.queue === b.queue && a.tenantId === b.tenantId
}
