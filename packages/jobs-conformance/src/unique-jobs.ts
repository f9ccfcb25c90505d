import type { EnqueueResult, JobRecord, JobRef, JobSink, NewJob, UniqueKey } from '@cgk/jobs-core'
import { newJob, only } from './new-job.ts'

/** The key that cases use where only one matters. */
export const KEY = 'invoice-1'

export const KEEP: UniqueKey = { key: KEY, ifTaken: 'keep' }
export const REPLACE: UniqueKey = { key: KEY, ifTaken: 'replace' }

/** `keep` that holds the key for a time, ended or not. */
export function keepFor(windowMs: number): UniqueKey {
  return { key: KEY, ifTaken: 'keep', windowMs }
}

/** Enqueues one job and says what became of it. */
export async function enqueueAny(
  sink: JobSink,
  given: Partial<NewJob> = {},
): Promise<EnqueueResult> {
  return only(await sink.enqueue([newJob(given)]))
}

/** Enqueues a job whose key is taken by a waiting job, which must become this one. */
export async function enqueueReplacing(
  sink: JobSink,
  given: Partial<NewJob> = {},
): Promise<JobRecord> {
  const result = await enqueueAny(sink, { unique: REPLACE, ...given })
  if (result.status !== 'replaced') throw new Error(`expected a replacement, got ${result.status}`)
  return result.job
}

/** Tries to take the key for a `keep`, and returns the job that holds it. */
export async function holderOf(sink: JobSink, given: Partial<NewJob> = {}): Promise<JobRecord> {
  const result = await enqueueAny(sink, { unique: KEEP, name: 'duplicate', ...given })
  if (result.status !== 'existing')
    throw new Error(`expected the key to be held, got ${result.status}`)
  return result.job
}

/** Takes the key, which must be free. */
export async function takeKey(sink: JobSink, given: Partial<NewJob> = {}): Promise<JobRef> {
  const job = newJob({ unique: KEEP, ...given })
  const result = only(await sink.enqueue([job]))
  if (result.status !== 'enqueued')
    throw new Error(`expected the key to be free, got ${result.status}`)
  return { queue: job.queue, tenantId: job.tenantId, id: result.id }
}
