import { JobsError } from '../errors.ts'
import type { SizeLimits } from '../size-limits.ts'
import type { JobsRuntime } from '../runtime/jobs-runtime.ts'
import type { TickJobFactory } from '../schedule/tick-jobs.ts'
import type { StoreSession } from '../worker/store-session.ts'
import type { QueueRoutes } from '../tenants/queue-routes.ts'
import type { JobSink } from '../storage/job-store.ts'
import type { JobEnqueuer } from './job-enqueuer.ts'
import type { NewJobFactory } from './new-job-factory.ts'

interface CommonInternals {
  readonly runtime: JobsRuntime
  readonly sizes: SizeLimits
  readonly newJobs: NewJobFactory
  readonly pollInterval: number | undefined
  readonly maxConcurrency: number | undefined
  /** The queue's way of taking jobs, into another sink than its store, and without events. */
  readonly enqueuerInto: (sink: JobSink) => JobEnqueuer
}

/** What a queue on a store shares with the processors of its jobs, and with nobody else. */
export interface StoreQueueInternals extends CommonInternals {
  readonly session: StoreSession
  readonly tickJobs: TickJobFactory
  readonly routes?: never
}

/** What a queue on the stores of many tenants shares with its processors. */
interface RoutedQueueInternals extends CommonInternals {
  readonly routes: QueueRoutes
}

/** See {@link internalsOf}. */
export type QueueInternals = StoreQueueInternals | RoutedQueueInternals

// A registered symbol, so that a queue made by another copy of this package is known too.
const INTERNALS = Symbol.for('@cgk/jobs-core.queue')

/** Gives a queue its internals. */
export function attachInternals<TQueue extends object>(
  queue: TQueue,
  internals: QueueInternals,
): TQueue {
  return Object.defineProperty(queue, INTERNALS, { value: internals })
}

/** @throws {@link JobsError} `JOBS_INVALID_CONFIG` for an object that is not a queue of ours. */
export function internalsOf(queue: object): QueueInternals {
  const internals = (queue as { readonly [INTERNALS]?: QueueInternals } | undefined)?.[INTERNALS]
  if (internals !== undefined) return internals
  throw new JobsError('JOBS_INVALID_CONFIG', 'queue must be what createJobQueue returned')
}
