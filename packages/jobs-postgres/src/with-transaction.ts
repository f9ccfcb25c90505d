import { enqueueInto, type Enqueuing, type JobQueue } from '@cgk/jobs-core'
import { type CallersTransaction, joinTransaction } from '@cgk/db'
import { JoinSink } from './join-sink.ts'
import { toConfigError } from './store-error.ts'
import { transactionalStore } from './transactional-store.ts'

/**
 * Enqueues jobs in a transaction of yours, of postgres.js, PGlite, drizzle-orm or `@cgk/db`, in the database of
 * the queue's store: they are there if and only if it commits. Until then nobody waits for it but who uses the
 * same `jobId` or `uniqueKey`, and a call that is refused leaves it usable.
 *
 * As `queue.enqueue`, but for this: a `uniqueKey` has to be one with `keep`; a backlog quota does not count
 * the jobs of other transactions that are open; and no `enqueued` event is told. Workers hear of the jobs
 * once they are committed: at once where the transaction is one of `@cgk/db`, else within about 20 ms, or half a
 * second where it takes long.
 *
 * @throws {@link JobsError} `JOBS_UNSUPPORTED` for a queue whose store is not of this package. Its calls reject
 * as those of the queue, and with `JOBS_UNSUPPORTED` for another `uniqueKey`, and for a tenant whose jobs
 * live in another store than `queue.store`.
 *
 * @example
 * ```ts
 * await db.transaction(async (tx) => {
 *   await tx.insert(orders).values(order)
 *   await withTransaction(queue, tx).enqueue('send-receipt', { orderId: order.id })
 * })
 * ```
 */
export function withTransaction<TJobs extends object>(
  queue: JobQueue<TJobs>,
  transaction: CallersTransaction,
): Enqueuing<TJobs> {
  try {
    const store = transactionalStore(queue.store)
    return enqueueInto(queue, new JoinSink(store, joinTransaction(transaction)))
  } catch (error) {
    throw toConfigError(error)
  }
}
