import { JobsError } from '../errors.ts'
import type { AnyJobDefinition } from '../job/define-job.ts'
import type { SizeLimits } from '../size-limits.ts'
import type { NewJobFactory } from '../queue/new-job-factory.ts'
import type { JobsRuntime } from '../runtime/jobs-runtime.ts'
import type { CancelTimer, JobsLogger, RuntimePorts } from '../runtime/ports.ts'
import type { TickJobFactory } from '../schedule/tick-jobs.ts'
import { LoopMonitor } from '../worker/loop-monitor.ts'
import { CALL_DEADLINE_MS } from '../worker/store-calls.ts'
import type { StoreSession } from '../worker/store-session.ts'
import { within } from '../worker/within.ts'
import type { QueueEvents } from '../events/queue-events.ts'
import { checkMiddleware } from '../middleware/check-middleware.ts'
import type { HandlerMiddleware } from '../middleware/handler-middleware.ts'
import { Attempt } from './attempt.ts'
import type { AttemptHost, Ending, SettleAnswer } from './attempt-host.ts'
import { OutcomeAnnouncer, type ProcessorCallbacks } from './callbacks.ts'
import { ClaimLoop } from './claim-loop.ts'
import type { HandlerRegistry } from './handler-registry.ts'
import type { JobHandler } from './job-handler.ts'
import type { JobProcessor, ProcessorStatus } from './job-processor.ts'
import type { Slots } from './slots.ts'

/** What a processor is made of, checked and with its defaults filled in. */
export interface QueueProcessorConfig {
  readonly queue: string
  readonly runtime: JobsRuntime
  readonly session: StoreSession
  readonly sizes: SizeLimits
  readonly newJobs: NewJobFactory
  readonly tickJobs: TickJobFactory
  readonly handlers: HandlerRegistry
  readonly slots: Slots
  readonly pollIntervalMs: number
  readonly leaseMs: number
  readonly gracePeriodMs: number
  readonly timeoutGraceMs: number
  readonly callbacks: ProcessorCallbacks
  readonly logger: JobsLogger
}

/** Starts, drains and stops the parts that run a queue's jobs, and connects them. */
export class QueueProcessor implements JobProcessor, AttemptHost {
  readonly ports: RuntimePorts
  readonly session: StoreSession
  readonly sizes: SizeLimits
  readonly newJobs: NewJobFactory
  readonly leaseMs: number
  readonly timeoutGraceMs: number
  readonly events: QueueEvents
  middleware: readonly HandlerMiddleware[] = []
  readonly #config: QueueProcessorConfig
  readonly #handlers: HandlerRegistry
  readonly #announcer: OutcomeAnnouncer
  readonly #claims: ClaimLoop
  readonly #loopMonitor: LoopMonitor
  #state: ProcessorStatus['state'] = 'idle'
  #detach: (() => Promise<void> | void)[] = []
  #stopped: Promise<void> | null = null
  readonly #graceOver = Promise.withResolvers<void>()
  readonly #graceTimers: CancelTimer[] = []

  constructor(config: QueueProcessorConfig) {
    const { queue, runtime, session, leaseMs, logger } = config
    const { clock, timers } = runtime.ports
    this.#config = config
    this.ports = runtime.ports
    this.session = session
    this.sizes = config.sizes
    this.newJobs = config.newJobs
    this.leaseMs = leaseMs
    this.timeoutGraceMs = config.timeoutGraceMs
    this.events = session.events.of(queue)
    this.#handlers = config.handlers
    this.#announcer = new OutcomeAnnouncer(config.callbacks, this.events, logger)
    this.#claims = new ClaimLoop({
      queue,
      runtime,
      session,
      leaseMs,
      logger,
      slots: config.slots,
      pollIntervalMs: config.pollIntervalMs,
      attemptOf: (job, claimedAt) => new Attempt(job, this, claimedAt),
      begin: (attempt) => {
        this.#begin(attempt)
      },
    })
    this.#loopMonitor = new LoopMonitor(clock, timers, leaseMs / 3, (blockedMs) => {
      // Without a lease nothing is at stake, as while an embedded database is opened.
      if (this.#claims.held.length === 0) return
      logger.warn('the event loop was blocked; no lease was renewed meanwhile', {
        queue,
        blockedMs,
        leaseMs,
        running: this.#claims.held.map((attempt) => attempt.lease.name).slice(0, 10),
      })
    })
  }

  registerHandler(name: string, handler: JobHandler<never, unknown>): void {
    this.#handlers.addHandler(name, handler)
  }

  registerJob(definition: AnyJobDefinition): void {
    this.#handlers.addDefinition(definition)
  }

  use(middleware: HandlerMiddleware): void {
    checkMiddleware(middleware)
    // A new list: attempts that have begun keep theirs.
    this.middleware = [...this.middleware, middleware]
  }

  start(): void {
    if (this.#state === 'running') return
    const { queue, runtime, tickJobs } = this.#config
    if (this.#state !== 'idle') {
      throw new JobsError(
        'JOBS_INVALID_CONFIG',
        `the processor of queue ${queue} was stopped; make a new one`,
      )
    }
    this.#state = 'running'
    this.#detach = [
      this.session.attach(queue, () => {
        this.#claims.lookAgain()
      }),
      this.session.scheduler.attach(
        queue,
        tickJobs.knowing((name) => this.#handlers.get(name)?.definition),
      ),
      runtime.suspects.watch(() => {
        this.#claims.gateMoved()
      }),
    ]
    this.#loopMonitor.start()
    this.#claims.start()
  }

  stop(options: { readonly gracePeriod?: number } = {}): Promise<void> {
    const gracePeriodMs = options.gracePeriod ?? this.#config.gracePeriodMs
    if (this.#stopped === null) this.#stopped = this.#stop()
    if (this.#state === 'stopping') this.#endGraceIn(gracePeriodMs)
    return this.#stopped
  }

  status(): ProcessorStatus {
    const { running, prefetched, lastClaimAt } = this.#claims
    return {
      state: this.#state,
      running,
      prefetched,
      lastClaimAgoMs: lastClaimAt === null ? null : this.ports.clock.monotonic() - lastClaimAt,
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop()
  }

  started(): void {
    this.#claims.started()
  }

  patienceFor(attempt: Attempt): number {
    return this.#claims.patienceFor(attempt)
  }

  finished(attempt: Attempt): void {
    this.#claims.finished(attempt)
  }

  ended(attempt: Attempt, ending: Ending, result: SettleAnswer): void {
    this.#claims.ended(attempt)
    if (result === 'settled') this.#announcer.announce(attempt, ending)
    else if (result === 'lost') this.#lost(attempt)
  }

  #lost(attempt: Attempt): void {
    const { queue, logger } = this.#config
    const { id, name } = attempt.lease
    logger.warn('a lease was lost; the outcome of its attempt was refused', {
      queue,
      jobId: id,
      name,
      attempt: attempt.attempt,
    })
    if (this.events.hears('leaseLost')) {
      this.events.emit('leaseLost', attempt.job, { attempt: attempt.attempt })
    }
  }

  #begin(attempt: Attempt): void {
    const { name, releases } = attempt.lease
    const registered = this.#handlers.get(name)
    if (registered !== undefined) attempt.begin(registered)
    else attempt.giveBack(this.#handlers.delayOfUnknown(name, releases, this.#config.logger))
  }

  async #stop(): Promise<void> {
    const wasRunning = this.#state === 'running'
    this.#state = 'stopping'
    this.#claims.stop()
    if (wasRunning) {
      await Promise.race([this.#claims.emptied(), this.#graceOver.promise])
      await this.#abortHeld()
    }
    // Only now: a further call may set one more until the end.
    for (const cancel of this.#graceTimers.splice(0)) cancel()
    this.#loopMonitor.stop()
    this.#state = 'stopped'
  }

  /** Several calls of `stop` may each set an end; the earliest counts. */
  #endGraceIn(ms: number): void {
    this.#graceTimers.push(this.ports.timers.after(ms, this.#graceOver.resolve))
  }

  async #abortHeld(): Promise<void> {
    const { timeoutGraceMs } = this.#config
    const { timers } = this.ports
    if (this.#claims.held.length > 0) {
      this.#abortAttempts()
      await within(timers, timeoutGraceMs, this.#claims.emptied())
      for (const attempt of this.#claims.held) attempt.giveBack(0)
    }
    // Every outcome is stored and every call answered before we go, unless the store itself no longer
    // answers.
    const detached = this.#detach.splice(0).map(async (detach) => detach())
    await within(timers, CALL_DEADLINE_MS, Promise.all([this.#claims.emptied(), ...detached]))
    if (this.#claims.held.length > 0) {
      this.#config.logger.error('the store did not answer; leases are left to end by themselves', {
        queue: this.#config.queue,
        jobs: this.#claims.held.length,
      })
    }
  }

  #abortAttempts(): void {
    const { queue, logger } = this.#config
    logger.warn('the grace period is over; attempts in progress are aborted and given back', {
      queue,
      jobs: this.#claims.held.length,
    })
    for (const attempt of this.#claims.held) {
      attempt.abort(
        new JobsError(
          'JOBS_WORKER_STOPPING',
          `the worker stops; attempt ${attempt.attempt} of job ${attempt.lease.id} is given back`,
          { retryable: true },
        ),
      )
    }
  }
}
