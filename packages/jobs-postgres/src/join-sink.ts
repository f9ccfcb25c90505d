import { type EnqueueResult, type JobSink, JobsError, type NewJob } from '@cgk/jobs-core'
import type { Queryable, Transaction } from '@cgk/db'
import { storeJobs } from './operations/enqueue.ts'
import { toStoreError } from './store-error.ts'
import type { TransactionalStore } from './transactional-store.ts'

/** Takes jobs of one queue into a store, in a transaction of the caller's. */
export class JoinSink implements JobSink {
  readonly #store: TransactionalStore
  readonly #tx: Queryable

  constructor(store: TransactionalStore, tx: Queryable) {
    this.#store = store
    this.#tx = tx
  }

  async enqueue(jobs: readonly NewJob[]): Promise<readonly EnqueueResult[]> {
    if (jobs.length === 0) return []
    for (const job of jobs) refuseReplacing(job)
    const { schema, commits, wakeUps } = this.#store
    const { queue } = jobs[0]!
    try {
      await this.#prepare(queue, jobs)
      const tell = (): void => wakeUps.ready(queue)
      const db = this.#tx
      if (tellsOfCommit(db)) db.onCommit(tell)
      const asksXid = !tellsOfCommit(db)
      const { results, xid } = await storeJobs({ db, schema, joins: true, asksXid }, jobs)
      if (xid !== undefined) commits.watch(xid, tell)
      return results
    } catch (error) {
      throw toStoreError(error)
    }
  }

  /** Does in a transaction of our own, at once, what others would wait for if it were done in theirs. */
  async #prepare(queue: string, jobs: readonly NewJob[]): Promise<void> {
    const { kind, schema, queues } = this.#store
    const unique = jobs.filter((job) => job.unique !== undefined)
    // PGlite has one session: nobody else can wait, and we would wait for ourselves.
    const isEmbedded = kind === 'pglite'
    const db = isEmbedded ? this.#tx : (await this.#store.open()).db.control
    if (unique.length === 0 && (isEmbedded || queues.has(queue))) return
    await db.query(`select ${schema}.prepare_join($1, $2, $3)`, [
      queue,
      unique.map(({ tenantId }) => tenantId ?? ''),
      unique.map((job) => job.unique!.key),
    ])
    queues.add(queue)
  }
}

/** A transaction of `@cgk/db` does, and no driver's. */
function tellsOfCommit(tx: Queryable): tx is Transaction {
  return 'onCommit' in tx
}

function refuseReplacing({ name, unique }: NewJob): void {
  if (unique === undefined || unique.ifTaken === 'keep') return
  throw new JobsError(
    'JOBS_UNSUPPORTED',
    `job ${name} has a unique key with ${unique.ifTaken}, which changes a job that others may claim: no claim could be made until the transaction ends. Use keep, or enqueue once it is committed`,
  )
}
