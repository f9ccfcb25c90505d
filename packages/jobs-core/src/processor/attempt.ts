import { currentTenant } from '@cgk/core'
import { JobsError } from '../errors.ts'
import type { Job } from '../job/job.ts'
import { jobFromRecord, readableJob } from '../job/job-from-record.ts'
import { retryFor } from '../job/job-retry.ts'
import type { CancelTimer } from '../runtime/ports.ts'
import type { Answered } from '../storage/answered.ts'
import type { ClaimedJob, LeaseState } from '../storage/lease.ts'
import type { JobStore } from '../storage/job-store.ts'
import type { NewJob } from '../storage/new-job.ts'
import {
  complete,
  fail,
  release,
  type Settlement,
  type SettleResult,
} from '../storage/settlement.ts'
import type { HeldLease } from '../worker/lease-keeper.ts'
import type { SettlementOwner } from '../worker/settler.ts'
import type { AttemptCompletion, Completion } from './attempt-completion.ts'
import type { AttemptHost, Ending } from './attempt-host.ts'
import type { ContextOwner } from './context-owner.ts'
import { createFollowUps, followUpConflict } from './follow-ups.ts'
import { type HandlerRunOwner, runHandler, runHandlerForTenant } from './handler-run.ts'
import { leaseLost } from './lease-lost.ts'
import {
  type Reading,
  readResult,
  releaseDetails,
  settleFailure,
  snoozedTooOften,
} from './outcome.ts'
import type { RegisteredHandler } from './registered-handler.ts'
import { RunningContext } from './running-context.ts'
import { spentError } from './spent-error.ts'
import { asError, toStoredError } from './stored-error.ts'

type SuccessReading = Extract<Reading, { type: 'success' }>

type State = 'waiting' | 'running' | 'settling'

/** One claimed job, from its claim to the store's answer to its settlement. */
export class Attempt
  implements HeldLease, SettlementOwner, ContextOwner, HandlerRunOwner, AttemptCompletion
{
  readonly lease: ClaimedJob
  readonly leaseMs: number
  /** When the claim was asked for, on the monotonic clock. */
  readonly claimedAt: number
  readonly host: AttemptHost
  expiresAt: number
  reported = false
  keeperPlace = -1
  /** Its place among the attempts of its claim loop; -1 outside. For the loop alone. */
  loopPlace = -1
  #state: State = 'waiting'
  #begunAt = 0
  #job: Job<unknown> | null = null
  #registered: RegisteredHandler | null = null
  #ending: Ending | null = null
  #context: RunningContext | null = null
  #abortReason: JobsError | null = null
  #cancelTimer: CancelTimer | null = null

  /** @param claimedAt - the monotonic instant at which the claim was asked for. */
  constructor(lease: ClaimedJob, host: AttemptHost, claimedAt: number) {
    this.lease = lease
    this.leaseMs = host.leaseMs
    this.claimedAt = claimedAt
    this.expiresAt = claimedAt + host.leaseMs
    this.host = host
  }

  get attempt(): number {
    return this.lease.attempts
  }

  get running(): boolean {
    return this.#state === 'running'
  }

  get abortReason(): JobsError | null {
    return this.#abortReason
  }

  get completion(): AttemptCompletion {
    return this
  }

  get store(): JobStore {
    return this.host.session.store
  }

  get over(): JobsError | null {
    return this.#abortReason ?? (this.running ? null : leaseLost(this.lease))
  }

  /** Whether the attempt can begin: it has neither begun nor been given back. */
  get waiting(): boolean {
    return this.#state === 'waiting'
  }

  /** The job as it was claimed. */
  get job(): Job<unknown> {
    return (this.#job ??= readableJob(this.lease, 'running', this.#registered?.retry.maxAttempts))
  }

  /** How long the attempt has taken so far, or took. */
  get elapsedMs(): number {
    return this.host.ports.clock.monotonic() - this.#begunAt
  }

  /** Begins, unless the lease may have run out: then the job is given back unbegun. */
  begin(registered: RegisteredHandler): void {
    this.#begunAt = this.host.ports.clock.monotonic()
    if (this.#begunAt >= this.expiresAt) {
      this.giveBack(0)
      return
    }
    this.#state = 'running'
    this.#registered = registered
    this.host.started(this)
    const { lease } = this
    const spent = spentError(lease, retryFor(registered.retry, lease))
    if (spent !== null) {
      this.#fail(spent, true)
      return
    }
    let job: Job<unknown>
    try {
      job = jobFromRecord(lease, 'running', registered.retry.maxAttempts)
    } catch (error) {
      this.#fail(error as Error, true)
      return
    }
    this.#job = job
    const timeoutMs = lease.timeoutMs ?? registered.timeoutMs
    if (timeoutMs !== null) this.#armTimeout(timeoutMs)
    const { events } = this.host
    if (events.hears('started')) events.emit('started', job, { attempt: this.attempt })
    const context = new RunningContext(this)
    this.#context = context
    const { middleware } = this.host
    // Whatever woke this loop may have had a tenant of its own.
    if ((currentTenant() ?? null) === lease.tenantId) {
      runHandler(job, context, registered, middleware, this)
    } else {
      runHandlerForTenant(lease.tenantId, job, context, registered, middleware, this)
    }
  }

  /** Gives the job back without an attempt spent, if it has not settled yet. */
  giveBack(delayMs: number): void {
    if (this.#state === 'settling') return
    this.#settle(release(this.lease, delayMs), { type: 'released', delayMs })
  }

  /** Aborts the handler's signal, unless it has returned; the first reason stays. */
  abort(reason: JobsError): void {
    if (this.#state === 'settling' || this.#abortReason !== null) return
    this.#abortReason = reason
    this.#context?.abort(reason)
  }

  leaseChanged(state: Exclude<Answered<LeaseState>, 'held'>): void {
    if (state === 'lost' && this.#state === 'running') this.host.session.keeper.letGo(this)
    // Heartbeats say the same thing again; and a timed-out attempt ends as it would have anyway.
    if (this.#state === 'settling' || this.#abortReason !== null) return
    if (this.#state === 'waiting') {
      // Nothing has begun: give it back (paused), let go of it (cancelled), or just forget it (lost).
      this.giveBack(0)
      return
    }
    if (state === 'paused') return
    if (state === 'lost') {
      this.abort(leaseLost(this.lease))
    } else {
      this.abort(this.#cancelled())
    }
    this.#abandonAfterGrace()
  }

  settled(result: Answered<SettleResult>): void {
    if (typeof result === 'object') {
      this.#fail(followUpConflict(result), false)
      return
    }
    this.host.session.keeper.letGo(this)
    this.host.ended(this, this.#ending!, result)
  }

  returned(value: unknown): void {
    if (this.#state !== 'running') return
    const reading = this.#read(value)
    switch (reading.type) {
      case 'success':
        if (reading.followUps.length > 0) void this.#completeWith(reading)
        else this.#complete(reading, [])
        return
      case 'snooze':
        this.#snooze(reading.ms)
        return
      case 'failure':
        this.threw(reading.error)
    }
  }

  #read(value: unknown): Reading {
    const reading = readResult(value, this.host.sizes)
    if (reading.type === 'failure') return reading
    try {
      this.#context?.changedHeaders()
      return reading
    } catch (error) {
      return { type: 'failure', error: error as Error }
    }
  }

  #snooze(ms: number): void {
    const tooOften = snoozedTooOften(this.lease)
    if (tooOften === null) this.giveBack(ms)
    else this.#fail(tooOften, true)
  }

  async reportsStored(): Promise<void> {
    if (this.reported) await this.host.session.reporter.flushed(this.lease)
  }

  async completionOf(result: unknown): Promise<Completion | null> {
    const reading = this.#read(result)
    if (reading.type !== 'success') return null
    const followUps = reading.followUps.length === 0 ? [] : await this.#followUpsOf(reading)
    const settlement = this.#withHeaders(this.#completionOf(reading, followUps))
    return { settlement, data: reading.data }
  }

  refusalOf(answer: Exclude<Answered<SettleResult>, 'settled'>): JobsError {
    if (typeof answer === 'object') return followUpConflict(answer)
    return answer === 'lost' ? leaseLost(this.lease) : this.#cancelled()
  }

  recorded({ data }: Completion): void {
    if (this.#state !== 'running') return
    this.#endRunning({ type: 'completed', data })
    this.host.finished(this)
    this.settled('settled')
  }

  refused(error: Error): void {
    this.#fail(error, true)
  }

  threw(thrown: unknown): void {
    if (this.#state !== 'running') return
    const reason = this.#abortReason
    // What a handler throws once its signal has aborted is about the abort, not about the job.
    if (reason === null) this.#fail(asError(thrown), false)
    else if (reason.code === 'JOBS_ATTEMPT_TIMED_OUT') this.#fail(reason, false)
    else this.giveBack(0)
  }

  async #completeWith(reading: SuccessReading): Promise<void> {
    try {
      const followUps = await this.#followUpsOf(reading)
      if (this.#state === 'running') this.#complete(reading, followUps)
    } catch (error) {
      this.threw(error)
    }
  }

  #followUpsOf({ followUps }: SuccessReading): Promise<readonly NewJob[]> {
    const headers = this.#context!.inheritedHeaders
    return createFollowUps(followUps, this.lease, headers, this.host.newJobs)
  }

  #complete(reading: SuccessReading, followUps: readonly NewJob[]): void {
    this.#settle(this.#completionOf(reading, followUps), { type: 'completed', data: reading.data })
  }

  #completionOf({ result }: SuccessReading, followUps: readonly NewJob[]): Settlement {
    const { discard } = this.#registered!
    return complete(this.lease, result, { followUps, discard })
  }

  #fail(error: Error, forGood: boolean): void {
    const policy = retryFor(this.#registered!.retry, this.lease)
    const settlement = forGood
      ? fail(this.lease, toStoredError(error, false))
      : settleFailure(this.lease, error, policy, this.host.ports)
    const { outcome } = settlement
    if (outcome.type === 'release') {
      this.#settle(settlement, { type: 'released', ...releaseDetails(outcome) })
    } else {
      const delayMs = outcome.type === 'retry' ? outcome.delayMs : null
      this.#settle(settlement, { type: 'failed', error, delayMs })
    }
  }

  #settle(plain: Settlement, ending: Ending): void {
    const wasRunning = this.#state === 'running'
    this.#endRunning(ending)
    const settlement = this.#withHeaders(plain)
    const { settler, reporter } = this.host.session
    const patienceMs = isPlainSuccess(settlement) ? this.host.patienceFor(this) : 0
    // What the attempt reported is stored before its outcome.
    if (this.reported) {
      void reporter.flushed(this.lease).then(() => {
        settler.settle(settlement, this, patienceMs)
      })
    } else {
      settler.settle(settlement, this, patienceMs)
    }
    if (wasRunning) this.host.finished(this)
  }

  #cancelled(): JobsError {
    return new JobsError('JOBS_CANCELLED', `job ${this.lease.id} was cancelled while it ran`)
  }

  #endRunning(ending: Ending): void {
    this.#state = 'settling'
    this.#ending = ending
    this.#cancelTimer?.()
    this.#cancelTimer = null
  }

  #withHeaders(settlement: Settlement): Settlement {
    const headers = this.#changedHeaders()
    return headers === undefined ? settlement : { ...settlement, headers }
  }

  // Headers that cannot be stored have failed the attempt already, or it fails of something that
  // matters more.
  #changedHeaders(): string | undefined {
    try {
      return this.#context?.changedHeaders()
    } catch {
      return undefined
    }
  }

  #armTimeout(timeoutMs: number): void {
    this.#cancelTimer = this.host.ports.timers.after(timeoutMs, () => {
      this.abort(
        new JobsError(
          'JOBS_ATTEMPT_TIMED_OUT',
          `attempt ${this.attempt} of job ${this.lease.id} took longer than ${timeoutMs} ms`,
          { retryable: true },
        ),
      )
      this.#abandonAfterGrace()
    })
  }

  // A handler that ignores its signal keeps running, but no longer in our slot, and its result is
  // refused.
  #abandonAfterGrace(): void {
    this.#cancelTimer?.()
    this.#cancelTimer = this.host.ports.timers.after(this.host.timeoutGraceMs, () => {
      this.threw(this.#abortReason)
    })
  }
}

/** Whether nothing follows it. */
function isPlainSuccess({ outcome, followUps }: Settlement): boolean {
  return outcome.type === 'complete' && followUps.length === 0
}
