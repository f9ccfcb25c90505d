import type { JobSink } from '../storage/job-store.ts'
import type { JobQueue } from './job-queue.ts'
import { internalsOf } from './queue-internals.ts'

/** The calls of a queue that make jobs. */
export type Enqueuing<TJobs extends object = Record<string, unknown>> = Pick<
  JobQueue<TJobs>,
  'enqueue' | 'enqueueMany'
>

/**
 * For packages of stores: enqueues as the queue does, with its checks, definitions, tenancy and middleware,
 * yet into a sink of yours, such as one that writes in a transaction of the caller's. Nothing is batched,
 * and no event is told, because only the sink knows whether the jobs stay.
 *
 * The sink stands for `queue.store`. Jobs that the queue would take to another one, because the directory
 * of its tenants says so, are refused with `JOBS_UNSUPPORTED`.
 *
 * @throws {@link JobsError} `JOBS_INVALID_CONFIG` for what is no queue.
 */
export function enqueueInto<TJobs extends object>(
  queue: JobQueue<TJobs>,
  sink: JobSink,
): Enqueuing<TJobs> {
  const enqueuer = internalsOf(queue).enqueuerInto(sink)
  const calls: Enqueuing = {
    enqueue: (job, payload, options) =>
      enqueuer.one(options === undefined ? { job, payload } : { job, payload, options }) as never,
    enqueueMany: (jobs) => enqueuer.many(jobs),
  }
  return calls as Enqueuing<TJobs>
}
