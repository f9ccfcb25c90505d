import { setTimeout as wait } from 'node:timers/promises'
import {
  type AttemptCompletion,
  type AttemptContext,
  type Completion,
  completionOf,
  type JobResult,
} from '@cgk/jobs-core'
import { type Db, type Transaction, withTenantTransaction } from '@cgk/db'
import { completeAttempt, isCompleted } from './operations/complete-attempt.ts'
import type { StoreContext } from './store-context.ts'
import { toStoreError } from './store-error.ts'
import { transactionalStore } from './transactional-store.ts'

const ASK_AGAIN_MS = 250

/**
 * Commits what a handler writes together with the completion of its job, both or neither, so that the writes
 * happen exactly once however often the job is attempted. To be returned by the handler.
 *
 * `fn` gets a transaction on a connection of the store, in its database; for drizzle-orm see `drizzleOn`, to
 * enqueue in it `withTransaction`. It acts for the job's tenant, as `withTenantTransaction` does. Its result is the
 * handler's: only a success commits, with its `followUps`; anything else rolls back, and the attempt ends as
 * the result says. Keep it short: it holds a connection. Nothing is locked before `fn` has returned but
 * what it locks itself. With PGlite call nothing of the store in it, which is refused.
 *
 * @throws what `fn` throws; {@link JobsError} `JOBS_LEASE_LOST` where the job is no longer this attempt's,
 * `JOBS_CANCELLED` where somebody cancelled it: nothing is committed then. When the connection is lost
 * during the commit, the server is asked, until it answers, what became of it.
 *
 * @example
 * ```ts
 * const handler: JobHandler<Payment> = (job, context) =>
 *   commit(context, async (tx) => {
 *     const orm = await drizzleOn(tx)
 *     await orm.insert(payments).values(job.payload)
 *     return { success: true }
 *   })
 * ```
 */
export async function commit<TData>(
  context: AttemptContext,
  fn: (tx: Transaction) => JobResult<TData> | Promise<JobResult<TData>>,
): Promise<JobResult<TData>> {
  const attempt = completionOf(context)
  const store = await transactionalStore(attempt.store).open()
  await attempt.reportsStored()
  if (attempt.over !== null) throw attempt.over
  return new AttemptCommit(attempt, store, fn).run(context.signal)
}

/** Ends the transaction of a result that is no success. */
const ROLLED_BACK = new Error('rolled back')

class AttemptCommit<TData> {
  readonly #attempt: AttemptCompletion
  readonly #store: StoreContext
  readonly #fn: (tx: Transaction) => JobResult<TData> | Promise<JobResult<TData>>
  #result: JobResult<TData> | undefined
  /** What the database has taken, unless the transaction is rolled back. */
  #completion: Completion | undefined
  #thrown: { readonly error: unknown } | undefined
  #wakes = false

  constructor(
    attempt: AttemptCompletion,
    store: StoreContext,
    fn: (tx: Transaction) => JobResult<TData> | Promise<JobResult<TData>>,
  ) {
    this.#attempt = attempt
    this.#store = store
    this.#fn = fn
  }

  async run(signal: AbortSignal): Promise<JobResult<TData>> {
    const { db, wakeUps } = this.#store
    const { lease } = this.#attempt
    try {
      await inTransaction(db, lease.tenantId, signal, (tx) => this.#write(tx))
    } catch (error) {
      if (error === ROLLED_BACK) return this.#result!
      if (this.#thrown !== undefined) throw this.#thrown.error
      if (this.#completion === undefined || !(await this.#isCommitted(this.#completion))) {
        throw this.#attempt.over ?? toStoreError(error)
      }
    }
    this.#attempt.recorded(this.#completion!)
    if (this.#wakes) wakeUps.ready(lease.queue)
    return this.#result!
  }

  async #write(tx: Transaction): Promise<void> {
    try {
      this.#result = await this.#fn(tx)
    } catch (error) {
      this.#thrown = { error }
      throw error
    }
    const completion = await this.#attempt.completionOf(this.#result)
    if (completion === null) throw ROLLED_BACK
    const { settlement } = completion
    const { result, wakes } = await completeAttempt(this.#store.schema, tx, settlement)
    if (result !== 'settled') throw this.#attempt.refusalOf(result)
    this.#wakes = wakes
    this.#completion = completion
  }

  async #isCommitted({ settlement }: Completion): Promise<boolean> {
    const { db, schema } = this.#store
    for (;;) {
      try {
        return await isCompleted(schema, db.control, settlement)
      } catch (error) {
        if (this.#attempt.over !== null) throw toStoreError(error)
      }
      await wait(ASK_AGAIN_MS)
    }
  }
}

function inTransaction(
  db: Db,
  tenantId: string | null,
  signal: AbortSignal,
  fn: (tx: Transaction) => Promise<void>,
): Promise<void> {
  return tenantId === null
    ? db.transaction(fn, { signal })
    : withTenantTransaction(db, tenantId, fn, { signal })
}
