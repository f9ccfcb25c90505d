import { JobsError } from '../errors.ts'
import { checkDuration } from '../job/check-job-options.ts'
import { jobFromRecord } from '../job/job-from-record.ts'
import type { Timers } from '../runtime/ports.ts'
import type { JobRecord, JobRef } from '../storage/job-record.ts'
import type { JobWatcher } from '../worker/job-watcher.ts'
import { describeRef } from './job-address.ts'

/** How long {@link JobQueue.waitFor} waits. */
export interface WaitOptions {
  /** Milliseconds from 0. @defaultValue no limit */
  readonly timeout?: number
  /** Ends the wait, and nothing else: the call rejects with its reason. */
  readonly signal?: AbortSignal
}

/** What a job returned, once it has ended; see {@link JobQueue.waitFor}. */
export async function waitForJob(
  ref: JobRef,
  { timeout, signal }: WaitOptions,
  watcher: JobWatcher,
  timers: Timers,
): Promise<unknown> {
  if (timeout !== undefined) checkDuration('timeout', timeout)
  signal?.throwIfAborted()
  const { promise, resolve, reject } = Promise.withResolvers<JobRecord | null>()
  const unwatch = watcher.watch(ref, { ended: resolve, failed: reject })
  const cancelTimer =
    timeout === undefined
      ? undefined
      : timers.after(timeout, () => {
          reject(waitedTooLong(ref, timeout))
        })
  const abort = (): void => {
    reject(signal?.reason as Error)
  }
  signal?.addEventListener('abort', abort)
  try {
    return resultOf(ref, await promise)
  } finally {
    unwatch()
    cancelTimer?.()
    signal?.removeEventListener('abort', abort)
  }
}

function resultOf(ref: JobRef, record: JobRecord | null): unknown {
  if (record === null) {
    throw new JobsError(
      'JOBS_NOT_FOUND',
      `Job not found: ${describeRef(ref)}; it was never there, or is retained no longer`,
    )
  }
  if (record.state === 'completed') return jobFromRecord(record, record.state).result
  if (record.state === 'failed') {
    throw new JobsError(
      'JOBS_JOB_FAILED',
      `job ${describeRef(ref)} failed; see the error's cause`,
      {
        cause: record.error,
      },
    )
  }
  throw new JobsError('JOBS_CANCELLED', `job ${describeRef(ref)} was cancelled`)
}

function waitedTooLong(ref: JobRef, timeout: number): JobsError {
  return new JobsError(
    'JOBS_WAIT_TIMEOUT',
    `job ${describeRef(ref)} had not ended after ${timeout} ms; it goes on, and can be waited for again`,
    { retryable: true },
  )
}
