import { errorAt } from '../job/error-at.ts'
import { checkRequest, type JobRequest } from '../job/job-request.ts'
import type { Job } from '../job/job.ts'
import type { QueueEvents } from '../events/queue-events.ts'
import type { JobSink } from '../storage/job-store.ts'
import type { EnqueueResult, NewJob } from '../storage/new-job.ts'
import type { QueueParts } from './queue-parts.ts'

/** What a {@link JobEnqueuer} is made of. */
export interface JobEnqueuerParts extends Pick<QueueParts, 'newJobs' | 'viewer' | 'middleware'> {
  readonly sink: JobSink
  /** Who hears of what was stored; `null` where nobody can know yet whether it stays. */
  readonly events: QueueEvents | null
}

/** Takes jobs into one queue: through its middleware, past the checks, into the sink. */
export class JobEnqueuer {
  readonly #parts: JobEnqueuerParts

  constructor(parts: JobEnqueuerParts) {
    this.#parts = parts
  }

  one(request: JobRequest): Promise<Job<unknown>> {
    return this.#parts.middleware.active ? this.#passOne(request) : this.#storeOne(request)
  }

  many(requests: readonly JobRequest[]): Promise<Job<unknown>[]> {
    const { middleware } = this.#parts
    const store = (jobs: readonly JobRequest[]): Promise<Job<unknown>[]> => this.#storeMany(jobs)
    return middleware.active ? middleware.run(requests, store) : store(requests)
  }

  async #passOne(request: JobRequest): Promise<Job<unknown>> {
    const [job] = await this.#parts.middleware.run([request], async ([changed]) => [
      await this.#storeOne(changed!),
    ])
    return job!
  }

  async #storeOne({ job, payload, options }: JobRequest): Promise<Job<unknown>> {
    const { newJobs, sink } = this.#parts
    const created = newJobs.create(job, payload, options)
    const newJob = created instanceof Promise ? await created : created
    const [result] = await sink.enqueue([newJob])
    return this.#stored(job, newJob, result!)
  }

  async #storeMany(requests: readonly JobRequest[]): Promise<Job<unknown>[]> {
    const { sink } = this.#parts
    const made = requests.map((request, index) => this.#create(request, index))
    // Without a schema that takes its time, no job costs a promise.
    const created = made.some((job) => job instanceof Promise)
      ? await Promise.all(made.map((job) => Promise.resolve(job)))
      : (made as NewJob[])
    if (created.length === 0) return []
    const results = await sink.enqueue(created)
    return created.map((newJob, index) =>
      this.#stored(requests[index]!.job, newJob, results[index]!),
    )
  }

  /** What one of a batch becomes; an error, which rejects, says which job it is about. */
  #create(request: JobRequest | null | undefined, index: number): NewJob | Promise<NewJob> {
    try {
      const { job, payload, options } = checkRequest(request)
      const created = this.#parts.newJobs.create(job, payload, options)
      return created instanceof Promise
        ? created.catch((cause: unknown) => Promise.reject(ofBatch(cause, index)))
        : created
    } catch (cause) {
      return Promise.reject(ofBatch(cause, index))
    }
  }

  #stored(job: JobRequest['job'], newJob: NewJob, result: EnqueueResult): Job<unknown> {
    const { viewer, events } = this.#parts
    const stored = viewer.showEnqueued(job, newJob, result)
    if (result.status === 'enqueued' && events?.hears('enqueued') === true)
      events.emit('enqueued', stored, {})
    if (result.status === 'replaced' && events?.hears('replaced') === true)
      events.emit('replaced', stored, {})
    return stored
  }
}

function ofBatch(cause: unknown, index: number): unknown {
  return errorAt(`job ${index} of the batch`, cause)
}
