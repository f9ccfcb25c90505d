import { JobsError } from '../errors.ts'
import type { AnyJobDefinition, JobsOf } from '../job/define-job.ts'
import { checkDefinition } from '../job/definition-registry.ts'
import { checkQueueName, checkTenantId } from '../job/names.ts'
import { type SizeLimits, resolveSizes } from '../size-limits.ts'
import { EnqueueChain } from '../middleware/enqueue-middleware.ts'
import { type JobsRuntime, processRuntime } from '../runtime/jobs-runtime.ts'
import { type TenantSource, TickJobFactory } from '../schedule/tick-jobs.ts'
import type { JobStore } from '../storage/job-store.ts'
import type { JobQueue } from './job-queue.ts'
import { JobViewer } from './job-viewer.ts'
import { ManualLeases } from './manual-leases.ts'
import { NewJobFactory, type Tenancy } from './new-job-factory.ts'
import { attachInternals } from './queue-internals.ts'
import { StoreJobQueue } from './store-job-queue.ts'

/** What {@link createJobQueue} takes. */
export interface JobQueueConfig<TDefinitions extends readonly AnyJobDefinition[] = []> {
  /** 1 to 100 characters of `A-Z a-z 0-9 . _ -`, the first a letter or a digit. */
  readonly name: string
  /** Where the jobs are kept: what an adapter's `create…Store` returned. */
  readonly store: JobStore
  /** Definitions whose payloads are then typed and checked when jobs are enqueued by name. */
  readonly jobs?: TDefinitions
  /** `'required'` refuses jobs without a tenant. @defaultValue 'optional' */
  readonly tenancy?: Tenancy
  /**
   * The tenants for which schedules with `forEach: 'tenant'` make jobs: a list, or a function that is
   * asked at each tick, by whichever process fires it.
   */
  readonly tenants?: TenantSource
  /** How large things may be. @defaultValue each one's, see {@link SizeLimits} */
  readonly sizes?: Partial<SizeLimits>
  /** `pollInterval` of processors of this queue object that say nothing else. */
  readonly pollInterval?: number
  /** `maxConcurrency` of processors of this queue object that say nothing else. */
  readonly maxConcurrency?: number
  /** A runtime of its own, for simulators and tests. @defaultValue the process's */
  readonly runtime?: JobsRuntime
}

/** The jobs a queue takes: those of its definitions, or any when it was given none. */
export type QueueJobs<TDefinitions extends readonly AnyJobDefinition[]> =
  TDefinitions extends readonly [] ? Record<string, unknown> : JobsOf<TDefinitions>

/**
 * Opens a queue on a store. Does no I/O.
 *
 * @throws {@link JobsError} `JOBS_INVALID_QUEUE_NAME`, `JOBS_INVALID_CONFIG`, `JOBS_INVALID_TENANT_ID`
 *
 * @example
 * ```ts
 * const queue = createJobQueue({ name: 'default', store: createMemoryStore() })
 * await queue.enqueue('sync-inventory', { productId: '123' })
 * ```
 */
export function createJobQueue<const TDefinitions extends readonly AnyJobDefinition[] = []>(
  config: JobQueueConfig<TDefinitions>,
): JobQueue<QueueJobs<TDefinitions>> {
  const name = checkQueueName(config.name)
  const { store, runtime = processRuntime(), tenancy = 'optional' } = config
  if (typeof store?.enqueue !== 'function') {
    throw new JobsError('JOBS_INVALID_CONFIG', `queue ${name} needs a store: see createMemoryStore`)
  }
  if (tenancy !== 'optional' && tenancy !== 'required') {
    throw new JobsError('JOBS_INVALID_CONFIG', "tenancy must be 'optional' or 'required'")
  }
  const sizes = resolveSizes(config.sizes)
  const definitions = new Map<string, AnyJobDefinition>()
  for (const definition of config.jobs ?? []) {
    checkDefinition(definition)
    definitions.set(definition.name, definition)
  }
  const newJobs = new NewJobFactory({ queue: name, definitions, sizes, tenancy })
  const tickJobs = new TickJobFactory(newJobs, checkTenants(config.tenants))
  const session = runtime.sessionWith(store)
  const leases = new ManualLeases(name, session, runtime.ports, definitions)
  const viewer = new JobViewer(definitions, runtime.ports.clock)
  const queue = new StoreJobQueue({
    name,
    session,
    runtime,
    sizes,
    newJobs,
    viewer,
    leases,
    tickJobs,
    events: session.events.of(name),
    middleware: new EnqueueChain(name),
  })
  const { pollInterval, maxConcurrency } = config
  return attachInternals(queue, {
    runtime,
    session,
    sizes,
    newJobs,
    tickJobs,
    pollInterval,
    maxConcurrency,
  })
}

function checkTenants(tenants: TenantSource | undefined): TenantSource | undefined {
  if (Array.isArray(tenants)) return tenants.map(checkTenantId)
  if (tenants === undefined || typeof tenants === 'function') return tenants
  throw new JobsError('JOBS_INVALID_CONFIG', 'tenants must be a list of ids, or a function')
}
