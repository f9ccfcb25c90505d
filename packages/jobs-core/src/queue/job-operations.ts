import { JobsError } from '../errors.ts'
import type { Job } from '../job/job.ts'
import type { JobRecord } from '../storage/job-record.ts'
import type { ActionResult } from '../storage/job-store.ts'
import { describeRef, type JobAddress, jobRefOf } from './job-address.ts'
import type { QueueParts } from './queue-parts.ts'

/** What operators do to single jobs of one queue. */
export class JobOperations {
  readonly #parts: QueueParts

  constructor(parts: QueueParts) {
    this.#parts = parts
  }

  async cancel(job: JobAddress): Promise<Job<unknown>> {
    const { status, job: record } = await this.#act('cancel', job)
    if (status === 'unchanged' && record.state !== 'cancelled') {
      throw illegal('cancelled', record, `it is ${record.state}`)
    }
    const shown = this.#parts.viewer.show(record)
    if (status === 'changed') this.#parts.events.emit('cancelled', shown, {})
    return shown
  }

  async retry(job: JobAddress): Promise<Job<unknown>> {
    const result = await this.#act('retry', job)
    const { job: record } = result
    if (result.status === 'keyTaken') {
      throw new JobsError(
        'JOBS_KEY_TAKEN',
        `job ${record.id} of queue ${record.queue} cannot be retried: job ${result.holderId} holds its unique key; cancel that one first, or leave it to it`,
      )
    }
    const shown = this.#parts.viewer.show(record)
    if (result.status === 'unchanged') {
      const held = record.state === 'cancelled' ? ', and its worker still holds it' : ''
      throw illegal('retried', record, `it is ${shown.status}${held}`)
    }
    return shown
  }

  async remove(job: JobAddress): Promise<void> {
    const { status, job: record } = await this.#act('remove', job)
    if (status === 'unchanged') {
      throw illegal('removed', record, 'a worker holds it; cancel it first')
    }
  }

  async #act(
    action: 'cancel' | 'retry' | 'remove',
    job: JobAddress,
  ): Promise<Exclude<ActionResult, { status: 'notFound' }>> {
    const { name, session, sizes } = this.#parts
    const ref = jobRefOf(name, job, sizes)
    const [result] = await session.call(action, (call) => session.store[action]([ref], call))
    if (result === undefined || result.status === 'notFound') {
      throw new JobsError('JOBS_NOT_FOUND', `Job not found: ${describeRef(ref)}`)
    }
    return result
  }
}

function illegal(action: string, record: JobRecord, why: string): JobsError {
  return new JobsError(
    'JOBS_ILLEGAL_TRANSITION',
    `job ${record.id} of queue ${record.queue} cannot be ${action}: ${why}`,
  )
}
