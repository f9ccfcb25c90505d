import type { AnyJobDefinition } from '../job/define-job.ts'
import { enqueuedJob } from '../job/enqueued-job.ts'
import type { Job } from '../job/job.ts'
import { readableJob, statusOf } from '../job/job-from-record.ts'
import { maxAttemptsOf } from '../job/job-retry.ts'
import type { Clock } from '../runtime/ports.ts'
import type { GroupLinks, JobRecord } from '../storage/job-record.ts'
import type { EnqueueResult, NewJob } from '../storage/new-job.ts'

/** Shows the store's records as the jobs of one queue. */
export class JobViewer {
  readonly #definitions: ReadonlyMap<string, AnyJobDefinition>
  readonly #clock: Clock

  constructor(definitions: ReadonlyMap<string, AnyJobDefinition>, clock: Clock) {
    this.#definitions = definitions
    this.#clock = clock
  }

  show(record: JobRecord): Job<unknown> {
    const maxAttempts = maxAttemptsOf(this.#definitions.get(record.name))
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
    const definition = typeof job === 'string' ? this.#definitions.get(job) : job
    return enqueuedJob(newJob, result, maxAttemptsOf(definition), group)
  }
}
