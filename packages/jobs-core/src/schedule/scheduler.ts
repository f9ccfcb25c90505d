import { isJobsError } from '../errors.ts'
import type { JobsLogger, RuntimePorts } from '../runtime/ports.ts'
import type { CallOptions, JobStore } from '../storage/job-store.ts'
import type { ScheduleAdvance, ScheduleRecord, ScheduleRef } from '../storage/schedule.ts'
import { CALL_DEADLINE_MS } from '../worker/store-calls.ts'
import { SupervisedLoop } from '../worker/supervised-loop.ts'
import { dueAdvance, JOBS_PER_STEP } from './due-advance.ts'
import { parseSpec } from './stored-spec.ts'
import { Setbacks } from './setbacks.ts'
import type { TickJobFactory } from './tick-jobs.ts'

/** Schedules asked for at a time. */
const PAGE = 100
// A schedule may be made or resumed by any process, and none of them tells us.
const LONGEST_WAIT_MS = 1_000

/** What a {@link Scheduler} needs of its session. */
export interface SchedulerSession {
  readonly store: JobStore
  call<T>(
    operation: string,
    call: (options: CallOptions) => Promise<T>,
    deadlineMs?: number,
  ): Promise<T>
}

type DueSchedule = ScheduleRecord & { readonly nextAt: number }

/**
 * Fires the schedules of the queues that are processed here.
 *
 * Every process does, and needs to know nothing of the others: a tick's jobs and the move of its
 * cursor are one transition of the store, which only the first of them makes.
 */
export class Scheduler {
  readonly #session: SchedulerSession
  readonly #ports: RuntimePorts
  readonly #logger: JobsLogger
  readonly #loop: SupervisedLoop
  readonly #setbacks: Setbacks
  /** By queue, one for each processor. */
  readonly #factories = new Map<string, TickJobFactory[]>()

  constructor(session: SchedulerSession, ports: RuntimePorts, logger: JobsLogger) {
    this.#session = session
    this.#ports = ports
    this.#logger = logger
    this.#setbacks = new Setbacks(ports.clock)
    const task = { name: 'firing the schedules', round: () => this.#round() }
    this.#loop = new SupervisedLoop(task, ports.timers, logger)
  }

  /**
   * The queue's schedules fire until the returned function is called, which resolves when none is being fired for it.
   */
  attach(queue: string, factory: TickJobFactory): () => Promise<void> {
    if (!this.#session.store.capabilities.schedules) return async () => {}
    this.#factories.set(queue, [...(this.#factories.get(queue) ?? []), factory])
    this.#loop.start()
    return () => {
      const left = this.#factories.get(queue)!.filter((other) => other !== factory)
      if (left.length > 0) this.#factories.set(queue, left)
      else this.#factories.delete(queue)
      return this.#loop.stop()
    }
  }

  async #round(): Promise<number> {
    const session = this.#session
    const { clock } = this.#ports
    // Those that cannot be fired stay due, the oldest of all, and must not fill the page.
    const request = { queues: [...this.#factories.keys()], limit: PAGE + this.#setbacks.size }
    const { now, schedules, nextInMs } = await session.call('dueSchedules', (options) =>
      session.store.dueSchedules(request, options),
    )
    const askedAt = clock.monotonic()
    this.#setbacks.keepOnly(schedules)
    const due = schedules.filter((schedule) => this.#setbacks.mayTry(schedule)) as DueSchedule[]
    const planned = await Promise.all(due.map((schedule) => this.#plan(schedule, now)))
    const advances = planned.filter((advance) => advance !== null)
    for (const step of stepsOf(advances)) await this.#advance(step)
    const nextAts = advances.map(({ nextAt }) => (nextAt ?? Infinity) - now)
    const soonest = Math.min(nextInMs ?? Infinity, ...nextAts)
    const elapsed = clock.monotonic() - askedAt
    return Math.ceil(
      Math.max(
        0,
        Math.min(soonest - elapsed, this.#setbacks.nextInMs ?? Infinity, LONGEST_WAIT_MS),
      ),
    )
  }

  /** `null` where the schedule's jobs cannot be made. */
  async #plan(schedule: DueSchedule, now: number): Promise<ScheduleAdvance | null> {
    const factories = this.#factories.get(schedule.queue)
    if (factories === undefined) return null // The last processor has stopped meanwhile.
    const { timers } = this.#ports
    let cancel = (): void => {}
    // The caller's code (a schema, the list of tenants) must not hold up the other schedules.
    const late = new Promise<never>((_, reject) => {
      cancel = timers.after(CALL_DEADLINE_MS, () => {
        reject(new Error(`its jobs were not made within ${CALL_DEADLINE_MS} ms`))
      })
    })
    try {
      return await Promise.race([planWithAny(factories, schedule, now), late])
    } catch (error) {
      this.#putOff(schedule, schedule.revision, error, false)
      return null
    } finally {
      cancel()
    }
  }

  /** Never rejects: whatever is wrong with one schedule, the others go on. */
  async #advance(advances: readonly ScheduleAdvance[]): Promise<void> {
    const session = this.#session
    const jobs = advances.reduce((sum, advance) => sum + jobsOf(advance), 0)
    try {
      await session.call(
        'advanceSchedules',
        (options) => session.store.advanceSchedules(advances, options),
        // Many tenants' jobs may take their time, a millisecond each being more than enough.
        Math.max(CALL_DEADLINE_MS, jobs),
      )
      for (const advance of advances) this.#setbacks.clear(advance)
    } catch (error) {
      // One of them may have failed all that travelled along; side by side, so that one that is never
      // answered holds up nobody.
      if (advances.length > 1) await Promise.all(advances.map((each) => this.#advance([each])))
      else {
        for (const advance of advances) {
          const mayPass = !isJobsError(error) || error.retryable
          this.#putOff(advance, advance.expected.revision, error, mayPass)
        }
      }
    }
  }

  #putOff(schedule: ScheduleRef, revision: number, error: unknown, mayPass: boolean): void {
    const pauseMs = this.#setbacks.add(schedule, revision, mayPass)
    const { queue, tenantId, id } = schedule
    this.#logger.error('a schedule could not be fired; its tick waits and is tried again', {
      queue,
      tenantId,
      scheduleId: id,
      pauseMs,
      error,
    })
  }
}

/** The plan of the first that can make the jobs: several queue objects may know different definitions. */
async function planWithAny(
  factories: readonly TickJobFactory[],
  schedule: DueSchedule,
  now: number,
): Promise<ScheduleAdvance> {
  const spec = parseSpec(schedule)
  let reason: unknown
  for (const factory of factories) {
    try {
      return await dueAdvance(schedule, spec, now, factory)
    } catch (error) {
      reason = error
    }
  }
  throw reason
}

/** Advances by call: as many as have no more jobs together than one may have. */
function stepsOf(advances: readonly ScheduleAdvance[]): ScheduleAdvance[][] {
  const steps: ScheduleAdvance[][] = []
  let jobs = Infinity
  for (const advance of advances) {
    jobs += jobsOf(advance)
    if (jobs > JOBS_PER_STEP) {
      steps.push([])
      jobs = jobsOf(advance)
    }
    steps.at(-1)!.push(advance)
  }
  return steps
}

function jobsOf({ ticks }: ScheduleAdvance): number {
  return ticks.reduce((sum, { jobs }) => sum + jobs.length, 0)
}
