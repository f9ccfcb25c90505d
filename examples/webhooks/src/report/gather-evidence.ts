import type { Job, JobQueue } from '@cgk/jobs'
import type { LedgerPage } from '../outside-api/ledger.ts'
import type { SentDelivery } from '../run/run.ts'
import type { Evidence } from './account.ts'

/** Reads the store's side of the account, and puts the others beside it. */
export async function gatherEvidence(options: {
  readonly queue: JobQueue
  readonly handedIn: readonly SentDelivery[]
  readonly ledger: LedgerPage
}): Promise<Evidence> {
  const { queue, handedIn, ledger } = options
  return {
    handedIn,
    jobs: await allJobs(queue),
    counts: await queue.counts(),
    effects: ledger.effects,
  }
}

async function allJobs(queue: JobQueue): Promise<Job<unknown>[]> {
  const jobs: Job<unknown>[] = []
  let cursor: string | undefined
  do {
    const page = await queue.listJobs({ limit: 1000, ...(cursor === undefined ? {} : { cursor }) })
    jobs.push(...page)
    cursor = page.nextCursor
  } while (cursor !== undefined)
  return jobs
}
