import { setTimeout as wait } from 'node:timers/promises'
import {
  type ClaimRequest,
  isJobsError,
  type JobRecord,
  type JobStore,
  type NewJob,
} from '@cgk/jobs-core'
import { expect, vi } from 'vitest'

/** The queue of all these tests. */
export const QUEUE = 'orders'

/** Longer than any lease here, with all that follows its end. */
export const PATIENCE = { timeout: 30_000, interval: 50 }

/** `count` jobs with ids of their own, that begin with `name`. */
export function newJobs(count: number, name: string, given: Partial<NewJob> = {}): NewJob[] {
  return Array.from({ length: count }, (_, n) => ({
    queue: QUEUE,
    tenantId: null,
    name: 'work',
    payload: '{"ms":0}',
    priority: 0,
    jobId: `${name}-${n}`,
    ...given,
  }))
}

export function claimRequest(given: Partial<ClaimRequest> = {}): ClaimRequest {
  return {
    queue: QUEUE,
    slots: 100,
    prefetch: 0,
    leaseMs: 30_000,
    worker: 'test',
    suspects: false,
    ...given,
  }
}

/** Repeats a call as its callers do, until it succeeds; what is not worth a repeat is thrown. */
export async function untilDone<T>(call: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await call()
    } catch (error) {
      if (!isJobsError(error) || !error.retryable) throw error
      await wait(20)
    }
  }
}

/** The records of jobs, by their ids; `null` where there is none. */
export function recordsOf(
  store: JobStore,
  ids: readonly string[],
): Promise<readonly (JobRecord | null)[]> {
  return untilDone(() => store.get(ids.map((id) => ({ queue: QUEUE, tenantId: null, id }))))
}

/** Resolves when every job has ended. */
export async function untilIdle(store: JobStore): Promise<void> {
  await vi.waitFor(async () => {
    const counts = await store.counts({ queue: QUEUE })
    expect(counts).toMatchObject({ pending: 0, scheduled: 0, retrying: 0, running: 0 })
  }, PATIENCE)
}
