import { openStore } from '@cgk/jobs'
import { isJobsError, type JobStore } from '@cgk/jobs-core'
import type { Logger } from 'pino'
import type { StoreSource } from './config.ts'
import { usageError } from './exit-error.ts'
import { openTenantStores } from './open-tenant-stores.ts'
import type { Settings } from './settings.ts'
import type { WorkerStores } from './worker-stores.ts'

/** How long a store may take to close before the process ends without it. */
const CLOSE_DEADLINE_MS = 5_000

/**
 * Opens each store once, and asks none of them anything yet. Without a directory each has to answer before
 * a worker begins; with one it is enough that one does.
 *
 * @throws `ExitError` 2 for a URL that nothing opens.
 */
export async function openStores(settings: Settings, logger: Logger): Promise<WorkerStores> {
  const sources = settings.stores
  const { directory } = settings
  if (directory !== null) {
    return openTenantStores({ settings, directory, logger, openSource, close: closeAll })
  }
  const stores = new Map<string, JobStore>()
  for (const [name, source] of sources) stores.set(name, openSource(source))
  const [first] = stores.values()
  return {
    of: (queue) => stores.get(settings.queues.get(queue)?.store ?? '') ?? first!,
    opened: () => stores,
    oneIsEnough: false,
    close: () => closeAll([...stores.values()]),
  }
}

/** Closes every store, whatever the others do; resolves with what went wrong. */
async function closeAll(stores: readonly Pick<JobStore, 'close'>[]): Promise<unknown[]> {
  const closing = Promise.allSettled([...new Set(stores)].map((store) => store.close()))
  const { promise: late, resolve } = Promise.withResolvers<'late'>()
  const timer = setTimeout(resolve, CLOSE_DEADLINE_MS, 'late')
  const outcome = await Promise.race([closing, late])
  clearTimeout(timer)
  if (outcome === 'late') return [new Error(`a store did not close within ${CLOSE_DEADLINE_MS} ms`)]
  return outcome.filter((result) => result.status === 'rejected').map((result) => result.reason)
}

function openSource(source: StoreSource): JobStore {
  if (typeof source !== 'string') return source
  try {
    return openStore(source)
  } catch (error) {
    if (isJobsError(error)) throw usageError(error.message, { cause: error })
    throw error
  }
}
