import type { AnyJobDefinition } from '../job/define-job.ts'
import { EnqueueChain } from '../middleware/enqueue-middleware.ts'
import type { JobsRuntime } from '../runtime/jobs-runtime.ts'
import { type TenantSource, TickJobFactory } from '../schedule/tick-jobs.ts'
import type { SizeLimits } from '../size-limits.ts'
import type { JobStore } from '../storage/job-store.ts'
import { JobEnqueuer } from './job-enqueuer.ts'
import { JobViewer } from './job-viewer.ts'
import { ManualLeases } from './manual-leases.ts'
import type { NewJobFactory } from './new-job-factory.ts'
import { attachInternals, type StoreQueueInternals } from './queue-internals.ts'
import { StoreJobQueue, type StoreJobQueueParts } from './store-job-queue.ts'

/** What a queue is made of before it has a store: checked, with its defaults filled in. */
export interface QueueBasis {
  readonly name: string
  readonly runtime: JobsRuntime
  readonly sizes: SizeLimits
  readonly definitions: ReadonlyMap<string, AnyJobDefinition>
  readonly newJobs: NewJobFactory
  readonly pollInterval: number | undefined
  readonly maxConcurrency: number | undefined
}

/** A queue on a store, and what it is made of. */
export interface QueueOnStore {
  readonly queue: StoreJobQueue
  readonly parts: StoreJobQueueParts
  readonly internals: StoreQueueInternals
}

/** Makes a queue on a store. Does no I/O. */
export function queueOnStore(
  { name, definitions, pollInterval, maxConcurrency, ...shared }: QueueBasis,
  store: JobStore,
  tenants: TenantSource | undefined,
): QueueOnStore {
  const { runtime, newJobs, sizes } = shared
  const session = runtime.sessionWith(store)
  const tickJobs = new TickJobFactory(newJobs, tenants)
  const parts: StoreJobQueueParts = {
    name,
    session,
    runtime,
    sizes,
    newJobs,
    tickJobs,
    viewer: new JobViewer(definitions, runtime.ports.clock),
    leases: new ManualLeases(name, session, runtime.ports, definitions),
    events: session.events.of(name),
    middleware: new EnqueueChain(name),
  }
  const internals: StoreQueueInternals = {
    ...shared,
    session,
    tickJobs,
    pollInterval,
    maxConcurrency,
    enqueuerInto: (sink) => new JobEnqueuer({ ...parts, sink, events: null }),
  }
  return { queue: attachInternals(new StoreJobQueue(parts), internals), parts, internals }
}
