import { withTenant } from '@cgk/core'
import type { RetryConfig } from '../backoff/retry-policy.ts'
import { JobsError } from '../errors.ts'
import { checkPayload, checksPayload, isThenable, type PayloadCheck } from '../job/check-payload.ts'
import type { Job } from '../job/job.ts'
import { jobFromRecord, unreadableJob } from '../job/job-from-record.ts'
import type { JobLimits } from '../limits.ts'
import { refuseIdConflicts } from '../queue/id-conflicts.ts'
import type { NewJobFactory } from '../queue/new-job-factory.ts'
import type { CancelTimer, RuntimePorts } from '../runtime/ports.ts'
import type { ClaimedJob, LeaseState } from '../storage/lease.ts'
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
import type { StoreSession } from '../worker/store-session.ts'
import { type RegisteredHandler, retryFor } from './attempt-policy.ts'
import type { AttemptContext } from './job-handler.ts'
import { type Reading, readResult, settleFailure, snoozedTooOften } from './outcome.ts'
import { type ContextOwner, RunningContext } from './running-context.ts'
import { asError, toStoredError } from './stored-error.ts'

/** How many of its workers may vanish before a job counts as the cause. */
const MAX_LOST_LEASES = 3

/** What an attempt needs of its processor, and whom it tells. */
export interface AttemptHost {
  readonly ports: RuntimePorts
  readonly session: StoreSession
  readonly limits: JobLimits
  readonly newJobs: NewJobFactory
  readonly leaseMs: number
  readonly timeoutGraceMs: number
  /** The attempt has begun: it takes a slot. */
  started(attempt: Attempt): void
  /** The attempt needs its slot no longer. */
  finished(attempt: Attempt): void
  /** The store has answered; `ending` says what it was told. */
  ended(attempt: Attempt, ending: Ending, result: SettleResult): void
}

/** How an attempt ended, for those who want to hear of it. */
export type Ending =
  | { readonly type: 'completed'; readonly job: Job<unknown>; readonly data: unknown }
  | {
      readonly type: 'failed'
      readonly job: Job<unknown>
      readonly error: Error
      readonly final: boolean
    }
  | { readonly type: 'released' }

type SuccessReading = Extract<Reading, { type: 'success' }>

type State = 'waiting' | 'running' | 'settling'

/** One claimed job, from its claim to the store's answer to its settlement. */
export class Attempt implements HeldLease, SettlementOwner, ContextOwner {
  readonly lease: ClaimedJob
  readonly leaseMs: number
  /** When the claim was asked for, on the monotonic clock. */
  readonly claimedAt: number
  expiresAt: number
  keeperPlace = -1
  /** Its place among the attempts of its claim loop; -1 outside. For the loop alone. */
  loopPlace = -1
  readonly #host: AttemptHost
  #state: State = 'waiting'
  #begunAt = 0
  #job: Job<unknown> | null = null
  #registered: RegisteredHandler | null = null
  #ending: Ending = { type: 'released' }
  #context: RunningContext | null = null
  #abortReason: JobsError | null = null
  #cancelTimer: CancelTimer | null = null
  #reported = false

  /** @param claimedAt - the monotonic instant at which the claim was asked for. */
  constructor(lease: ClaimedJob, host: AttemptHost, claimedAt: number) {
    this.lease = lease
    this.leaseMs = host.leaseMs
    this.claimedAt = claimedAt
    this.expiresAt = claimedAt + host.leaseMs
    this.#host = host
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

  storeProgress(text: string): void {
    this.#reported = true
    this.#host.session.reporter.progress(this.lease, text)
  }

  storeLog(line: string): void {
    this.#reported = true
    this.#host.session.reporter.log(this.lease, line)
  }

  async extend(ms: number): Promise<void> {
    const { session, ports } = this.#host
    const askedAt = ports.clock.monotonic()
    const [state] = await session.extend([this.lease], ms)
    if (state === 'lost' || state === 'cancelled') {
      this.leaseChanged(state)
      throw this.#abortReason ?? this.#leaseLost()
    }
    this.expiresAt = Math.max(this.expiresAt, askedAt + ms)
  }

  /** Whether the attempt can begin: it has neither begun nor been given back. */
  get waiting(): boolean {
    return this.#state === 'waiting'
  }

  /** How long the attempt has taken so far, or took. */
  get elapsedMs(): number {
    return this.#host.ports.clock.monotonic() - this.#begunAt
  }

  /** Begins, unless the lease may have run out: then the job is given back unbegun. */
  begin(registered: RegisteredHandler): void {
    this.#begunAt = this.#host.ports.clock.monotonic()
    if (this.#begunAt >= this.expiresAt) {
      this.giveBack(0)
      return
    }
    this.#state = 'running'
    this.#registered = registered
    this.#host.started(this)
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
    // Whatever woke this loop may have had a tenant of its own.
    withTenant(lease.tenantId, () => {
      this.#checkAndRun(job, registered)
    })
  }

  /** Gives the job back without an attempt spent, if it has not settled yet. */
  giveBack(delayMs: number): void {
    if (this.#state === 'settling') return
    this.#settle(release(this.lease, delayMs), { type: 'released' })
  }

  /** Aborts the handler's signal, unless it has returned; the first reason stays. */
  abort(reason: JobsError): void {
    if (this.#state === 'settling' || this.#abortReason !== null) return
    this.#abortReason = reason
    this.#context?.abort(reason)
  }

  leaseChanged(state: Exclude<LeaseState, 'held'>): void {
    if (state === 'lost' && this.#state === 'running') this.#host.session.keeper.letGo(this)
    // Heartbeats say the same thing again; and a timed-out attempt ends as it would have anyway.
    if (this.#state === 'settling' || this.#abortReason !== null) return
    if (this.#state === 'waiting') {
      // Nothing has begun: give it back (paused), let go of it (cancelled), or just forget it (lost).
      this.giveBack(0)
      return
    }
    if (state === 'paused') return
    if (state === 'lost') {
      this.abort(this.#leaseLost())
    } else {
      this.abort(new JobsError('JOBS_CANCELLED', `job ${this.lease.id} was cancelled while it ran`))
    }
    this.#abandonAfterGrace()
  }

  settled(result: SettleResult): void {
    this.#host.session.keeper.letGo(this)
    this.#host.ended(this, this.#ending, result)
  }

  #checkAndRun(job: Job<unknown>, { definition }: RegisteredHandler): void {
    if (definition === undefined || !checksPayload(definition)) {
      this.#run(job)
      return
    }
    const check = checkPayload(definition, job.payload)
    if (check instanceof Promise)
      void check.then((settled) => {
        this.#runChecked(job, settled)
      })
    else this.#runChecked(job, check)
  }

  #runChecked(job: Job<unknown>, check: PayloadCheck): void {
    if (this.#state !== 'running') return
    if (check.ok)
      this.#run(check.payload === job.payload ? job : { ...job, payload: check.payload })
    else this.#fail(check.error, check.refused)
  }

  #run(job: Job<unknown>): void {
    const handler = this.#registered!.handler as (
      job: Job<unknown>,
      context: AttemptContext,
    ) => unknown
    try {
      const context = new RunningContext(this)
      this.#context = context
      const returned = handler(job, context)
      if (isThenable(returned)) {
        Promise.resolve(returned).then(
          (value: unknown) => {
            this.#returned(value)
          },
          (thrown: unknown) => {
            this.#threw(thrown)
          },
        )
      } else {
        this.#returned(returned)
      }
    } catch (thrown) {
      this.#threw(thrown)
    }
  }

  #returned(value: unknown): void {
    if (this.#state !== 'running') return
    const reading = readResult(value, this.#host.limits)
    switch (reading.type) {
      case 'success':
        if (reading.followUps.length > 0) void this.#completeWith(reading)
        else this.#complete(reading, [])
        return
      case 'snooze':
        this.#snooze(reading.ms)
        return
      case 'failure':
        this.#threw(reading.error)
    }
  }

  #snooze(ms: number): void {
    const tooOften = snoozedTooOften(this.lease.releases)
    if (tooOften === null) this.giveBack(ms)
    else this.#fail(tooOften, true)
  }

  #threw(thrown: unknown): void {
    if (this.#state !== 'running') return
    const reason = this.#abortReason
    // What a handler throws once its signal has aborted is about the abort, not about the job.
    if (reason === null) this.#fail(asError(thrown), false)
    else if (reason.code === 'JOBS_ATTEMPT_TIMED_OUT') this.#fail(reason, false)
    else this.giveBack(0)
  }

  async #completeWith(reading: SuccessReading): Promise<void> {
    try {
      const { newJobs } = this.#host
      const { tenantId } = this.lease
      const followUps = await Promise.all(
        reading.followUps.map(async ({ job, payload, options }, index) => {
          if (options?.tenantId !== undefined && options.tenantId !== tenantId) {
            throw new JobsError(
              'JOBS_INVALID_OPTION',
              `followUps[${index}] names another tenant; follow-ups stay in the job's own`,
            )
          }
          return withTenant(tenantId, () => newJobs.create(job, payload, options))
        }),
      )
      await refuseIdConflicts(this.#host.session, followUps)
      if (this.#state === 'running') this.#complete(reading, followUps)
    } catch (error) {
      this.#threw(error)
    }
  }

  #complete(reading: SuccessReading, followUps: readonly NewJob[]): void {
    const { discard } = this.#registered!
    this.#settle(complete(this.lease, reading.result, { followUps, discard }), {
      type: 'completed',
      job: this.#job!,
      data: reading.data,
    })
  }

  #fail(error: Error, forGood: boolean): void {
    const policy = retryFor(this.#registered!.retry, this.lease)
    const settlement = forGood
      ? fail(this.lease, toStoredError(error, false))
      : settleFailure(this.lease, this.attempt, error, policy, this.#host.ports)
    const final = settlement.outcome.type === 'fail'
    const job = this.#job ?? unreadableJob(this.lease, 'running')
    this.#settle(settlement, { type: 'failed', job, error, final })
  }

  #settle(settlement: Settlement, ending: Ending): void {
    const wasRunning = this.#state === 'running'
    this.#state = 'settling'
    this.#ending = ending
    this.#cancelTimer?.()
    this.#cancelTimer = null
    const { settler, reporter } = this.#host.session
    // What the attempt reported is stored before its outcome.
    if (this.#reported) {
      void reporter.flushed(this.lease).then(() => {
        settler.settle(settlement, this)
      })
    } else {
      settler.settle(settlement, this)
    }
    if (wasRunning) this.#host.finished(this)
  }

  #armTimeout(timeoutMs: number): void {
    this.#cancelTimer = this.#host.ports.timers.after(timeoutMs, () => {
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
    this.#cancelTimer = this.#host.ports.timers.after(this.#host.timeoutGraceMs, () => {
      this.#threw(this.#abortReason)
    })
  }

  #leaseLost(): JobsError {
    return new JobsError(
      'JOBS_LEASE_LOST',
      `attempt ${this.attempt} of job ${this.lease.id} lost its lease; another worker may run the job`,
      { retryable: true },
    )
  }
}

/** Why a claimed job must not run any more; `null` when it may. */
export function spentError(lease: ClaimedJob, { maxAttempts }: RetryConfig): JobsError | null {
  const { id, lostLeases, attempts } = lease
  if (lostLeases >= MAX_LOST_LEASES) {
    return new JobsError(
      'JOBS_WORKER_LOST',
      `worker lost: ${lostLeases} workers vanished while they held job ${id}; it is not run again`,
    )
  }
  if (attempts <= maxAttempts) return null
  return new JobsError(
    'JOBS_WORKER_LOST',
    `job ${id} has spent its attempts: this would be ${attempts} of ${maxAttempts}`,
  )
}
