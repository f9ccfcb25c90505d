import { withTenant } from '@cgk/core'
import type { Job } from '../job/job.ts'
import type { Clock, JobsLogger } from '../runtime/ports.ts'
import type { DetailsOf, JobEventListener, JobEventType } from './job-event.ts'

interface Registration {
  readonly listener: (event: never) => unknown
}

/**
 * Who listens to one queue in this process. Ask {@link QueueEvents.hears} before making an event: with
 * no listener an event costs that question and nothing else.
 */
export class QueueEvents {
  readonly #clock: Clock
  readonly #logger: JobsLogger
  readonly #registrations = new Map<JobEventType, Set<Registration>>()

  constructor(clock: Clock, logger: JobsLogger) {
    this.#clock = clock
    this.#logger = logger
  }

  /** Calls the listener for each event of a type until the returned function is called. */
  on<TType extends JobEventType>(type: TType, listener: JobEventListener<TType>): () => void {
    const registration: Registration = { listener }
    let registrations = this.#registrations.get(type)
    if (registrations === undefined) {
      this.#registrations.set(type, (registrations = new Set()))
    }
    registrations.add(registration)
    return () => {
      registrations.delete(registration)
      // Another set may have taken its place.
      if (registrations.size === 0 && this.#registrations.get(type) === registrations) {
        this.#registrations.delete(type)
      }
    }
  }

  /** Whether anybody wants to hear of events of this type. */
  hears(type: JobEventType): boolean {
    return this.#registrations.size > 0 && this.#registrations.has(type)
  }

  /** Tells an event, in the tenant of its job. */
  emit<TType extends JobEventType>(
    type: TType,
    job: Job<unknown>,
    details: DetailsOf<TType>,
  ): void {
    const registrations = this.#registrations.get(type)
    if (registrations === undefined) return
    const event = { type, at: new Date(this.#clock.now()), job, ...details }
    // What a listener adds hears of the next event.
    const listening = [...registrations]
    withTenant(job.tenantId ?? null, () => {
      for (const { listener } of listening) this.#tell(listener, event)
    })
  }

  #tell(listener: (event: never) => unknown, event: { type: string; job: Job<unknown> }): void {
    const report = (error: unknown): void => {
      const { queue, id } = event.job
      this.#logger.error(`a listener of ${event.type} threw; what it was told of stands`, {
        queue,
        jobId: id,
        error,
      })
    }
    try {
      const returned = listener(event as never)
      if (returned instanceof Promise) returned.catch(report)
    } catch (error) {
      report(error)
    }
  }
}

/** The events of one process and store, by queue: every queue object of a name hears the same. */
export class JobEvents {
  readonly #clock: Clock
  readonly #logger: JobsLogger
  readonly #queues = new Map<string, QueueEvents>()

  constructor(clock: Clock, logger: JobsLogger) {
    this.#clock = clock
    this.#logger = logger
  }

  of(queue: string): QueueEvents {
    let events = this.#queues.get(queue)
    if (events === undefined) {
      this.#queues.set(queue, (events = new QueueEvents(this.#clock, this.#logger)))
    }
    return events
  }
}
