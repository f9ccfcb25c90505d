import type { EnqueueResult, NewJob } from '@cgk/jobs-core'
import { makeJobId } from './job-ids.ts'
import { readRecord } from './job-record.ts'

/** What the SQL function `add_jobs` says, with records, of one job. */
export type StoredResult =
  | {
      readonly status: 'enqueued'
      readonly id: string
      readonly jobId: string | null
      readonly createdAt: number
      readonly runAt: number
    }
  | { readonly status: 'existing' | 'replaced'; readonly id: string; readonly record: object }

/** What became of those jobs, in the words of the port. */
export function readStoredResults(
  jobs: readonly NewJob[],
  results: readonly StoredResult[],
): readonly EnqueueResult[] {
  return results.map((result, index): EnqueueResult => {
    if (result.status !== 'enqueued') {
      const job = readRecord(jobs[index]!.queue, JSON.stringify(result.record))
      return { status: result.status, job }
    }
    const { status, id, jobId, createdAt, runAt } = result
    return { status, id: jobId ?? makeJobId(id, createdAt), createdAt, runAt }
  })
}
