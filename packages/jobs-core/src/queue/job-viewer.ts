import type { AnyJobDefinition } from '../job/define-job.ts'
import type { Job } from '../job/job.ts'
import { jobFromRecord, readableJob, statusOf } from '../job/job-from-record.ts'
import { retryOf } from '../job/job-retry.ts'
import type { Clock } from '../runtime/ports.ts'
import type { GroupLinks, JobRecord } from '../storage/job-record.ts'
import type { EnqueueResult, NewJob } from '../storage/new-job.ts'
import { newRecord } from './new-record.ts'

/** Shows the store's records as the jobs of one queue. */
export class JobViewer {
  readonly #definitions: ReadonlyMap<string, AnyJobDefinition>
  readonly #clock: Clock

  constructor(definitions: ReadonlyMap<string, AnyJobDefinition>, clock: Clock) {
    this.#definitions = definitions
    this.#clock = clock
  }

  show(record: JobRecord): Job<unknown> {
    const { maxAttempts } = retryOf(this.#definitions.get(record.name))
    return readableJob(record, statusOf(record, this.#clock.now()), maxAttempts)
  }

  /** @param job - the definition or the name with which it was enqueued. */
  showEnqueued(
    job: string | AnyJobDefinition,
    newJob: NewJob,
    result: EnqueueResult,
    group: GroupLinks | null = null,
  ): Job<unknown> {
    if (result.status === 'existing') return { ...this.show(result.job), duplicate: true }
    if (result.status === 'replaced') return this.show(result.job)
    const record = newRecord(newJob, result, group)
    const definition = typeof job === 'string' ? this.#definitions.get(job) : job
    const { maxAttempts } = retryOf(definition)
    return jobFromRecord(record, statusOf(record, record.createdAt), maxAttempts)
  }
}
