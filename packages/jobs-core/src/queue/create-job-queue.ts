import { checkSettings } from '../check-settings.ts'
import { JobsError } from '../errors.ts'
import type { AnyJobDefinition, JobsOf } from '../job/define-job.ts'
import { checkDefinitionList } from '../job/definition-registry.ts'
import { checkQueueName, checkTenantId } from '../job/names.ts'
import { type SizeLimits, resolveSizes } from '../size-limits.ts'
import { type JobsRuntime, processRuntime } from '../runtime/jobs-runtime.ts'
import type { TenantSource } from '../schedule/tick-jobs.ts'
import type { JobStore } from '../storage/job-store.ts'
import { routedQueue } from '../tenants/routed-job-queue.ts'
import { isTenantStores, type TenantStores } from '../tenants/tenant-stores.ts'
import type { JobQueue } from './job-queue.ts'
import { NewJobFactory, type Tenancy } from './new-job-factory.ts'
import { type QueueBasis, queueOnStore } from './queue-on-store.ts'

/** What {@link createJobQueue} takes. */
export interface JobQueueConfig<TDefinitions extends readonly AnyJobDefinition[] = []> {
  /** 1 to 100 characters of `A-Z a-z 0-9 . _ -`, the first a letter or a digit. */
  readonly name: string
  /**
   * Where the jobs are kept: what an adapter's `create…Store` returned; or the stores of a directory's
   * tenants, see `createTenantStores`: each job then goes to the store of its tenant.
   */
  readonly store: JobStore | TenantStores
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

const SETTINGS: Readonly<Record<keyof JobQueueConfig, true>> = {
  name: true,
  store: true,
  jobs: true,
  tenancy: true,
  tenants: true,
  sizes: true,
  pollInterval: true,
  maxConcurrency: true,
  runtime: true,
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
  checkSettings('a queue', config, SETTINGS)
  const { store, runtime = processRuntime(), tenancy = 'optional' } = config
  if (typeof (store as JobStore)?.enqueue !== 'function' && !isTenantStores(store)) {
    throw new JobsError('JOBS_INVALID_CONFIG', `queue ${name} needs a store: see createMemoryStore`)
  }
  if (tenancy !== 'optional' && tenancy !== 'required') {
    throw new JobsError('JOBS_INVALID_CONFIG', "tenancy must be 'optional' or 'required'")
  }
  const sizes = resolveSizes(config.sizes)
  const definitions = new Map<string, AnyJobDefinition>()
  for (const definition of checkDefinitionList(config.jobs)) {
    definitions.set(definition.name, definition)
  }
  const { pollInterval, maxConcurrency } = config
  const basis: QueueBasis = {
    name,
    runtime,
    sizes,
    definitions,
    newJobs: new NewJobFactory({ queue: name, definitions, sizes, tenancy }),
    pollInterval,
    maxConcurrency,
  }
  const tenants = checkTenants(config.tenants)
  if (!isTenantStores(store)) return queueOnStore(basis, store, tenants).queue
  if (tenants !== undefined) {
    throw new JobsError(
      'JOBS_INVALID_CONFIG',
      `queue ${name} has the tenants of its store's directory; leave out tenants`,
    )
  }
  return routedQueue(basis, store)
}

function checkTenants(tenants: TenantSource | undefined): TenantSource | undefined {
  if (Array.isArray(tenants)) return tenants.map(checkTenantId)
  if (tenants === undefined || typeof tenants === 'function') return tenants
  throw new JobsError('JOBS_INVALID_CONFIG', 'tenants must be a list of ids, or a function')
}
