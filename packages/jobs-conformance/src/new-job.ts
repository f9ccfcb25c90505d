import type { JobRef, JobSink, NewJob, StoredError } from '@cgk/jobs-core'
import { expect } from 'vitest'

/** The queue and the tenant that cases use where neither matters. */
export const QUEUE = 'orders'
export const TENANT = 'acme'
/** A tenant that must see and feel nothing of what happens to {@link TENANT}. */
export const OTHER_TENANT = 'globex'

/** An error as core stores it. */
export const ERROR: StoredError = { message: 'the shop said no', retryable: true }

/** A job on its way into a store; what a case does not care about is filled in. */
export function newJob(given: Partial<NewJob> = {}): NewJob {
  return {
    queue: QUEUE,
    tenantId: TENANT,
    name: 'send-invoice',
    payload: '{"invoice":1}',
    priority: 0,
    ...given,
  }
}

/** Jobs that differ in nothing but their ids: `prefix-0`, `prefix-1` and so on. */
export function newJobs(count: number, prefix: string, given: Partial<NewJob> = {}): NewJob[] {
  return Array.from({ length: count }, (_, index) =>
    newJob({ ...given, jobId: `${prefix}-${index}` }),
  )
}

/** The numbers from 0 to `count` − 1, each once, in an order far from theirs. */
export function shuffled(count: number): number[] {
  return Array.from({ length: count }, (_, index) => (index * 7_919) % count)
}

/** Enqueues jobs none of which may exist yet, and returns their refs in the order of the input. */
export async function enqueueAll(sink: JobSink, jobs: readonly NewJob[]): Promise<JobRef[]> {
  const results = await sink.enqueue(jobs)
  expect(results.length, 'one answer for each job').toBe(jobs.length)
  return jobs.map((job, index) => {
    const result = results[index]
    if (result?.status !== 'enqueued') {
      throw new Error(`expected job ${index} to be enqueued, it was ${result?.status}`)
    }
    if (job.jobId !== undefined) expect(result.id, 'the id the caller chose').toBe(job.jobId)
    return { queue: job.queue, tenantId: job.tenantId, id: result.id }
  })
}

/** Enqueues one job, which may not exist yet. */
export async function enqueueOne(sink: JobSink, given: Partial<NewJob> = {}): Promise<JobRef> {
  return only(await enqueueAll(sink, [newJob(given)]))
}

/** The one element of a list that must have exactly one. */
export function only<T>(items: readonly T[]): T {
  expect(items.length, 'exactly one').toBe(1)
  return items[0] as T
}
