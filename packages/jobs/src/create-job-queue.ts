import {
  type AnyJobDefinition,
  createJobQueue as createQueueOnStore,
  JobsError,
  type JobQueue,
  type JobQueueConfig as CoreConfig,
  type JobStore,
  type QueueJobs,
  type TenantStores,
} from '@cgk/jobs-core'
import { openStore } from './open-store.ts'

/** What {@link createJobQueue} takes: a name is enough. */
export interface JobQueueConfig<TDefinitions extends readonly AnyJobDefinition[] = []> extends Omit<
  CoreConfig<TDefinitions>,
  'store'
> {
  /** @defaultValue the process-wide store, see {@link openStore} */
  readonly store?: JobStore | TenantStores
  /** The URL of the store, in place of `store`. @defaultValue `JOBS_STORE_URL`, else `pglite:./.jobs` */
  readonly connectionString?: string
}

/**
 * Opens a queue on the process-wide store, or on the one given. Two queues of one name on one store
 * are the same queue. An idle queue holds no process open.
 *
 * @throws {@link JobsError} `JOBS_INVALID_QUEUE_NAME`, `JOBS_INVALID_CONFIG`,
 * `JOBS_STORE_NOT_INSTALLED`
 *
 * @example
 * ```ts
 * const queue = createJobQueue({ name: 'default' })
 * await queue.enqueue('process-order', { orderId: 'order_123' }, { tenantId: 'rawdog' })
 * ```
 */
export function createJobQueue<const TDefinitions extends readonly AnyJobDefinition[] = []>(
  config: JobQueueConfig<TDefinitions>,
): JobQueue<QueueJobs<TDefinitions>> {
  const { store, connectionString, ...rest } = config
  if (store !== undefined && connectionString !== undefined) {
    throw new JobsError(
      'JOBS_INVALID_CONFIG',
      `queue ${config.name} was given a store and a connectionString; give one of them`,
    )
  }
  if (typeof store === 'string') {
    throw new JobsError(
      'JOBS_INVALID_CONFIG',
      `store of queue ${config.name} is text: give a URL as its connectionString, or openStore(url)`,
    )
  }
  return createQueueOnStore<TDefinitions>({ ...rest, store: store ?? openStore(connectionString) })
}
