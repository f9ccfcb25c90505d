import { openStore } from '@cgk/jobs'
import { createTenantStores, isJobsError, type JobStore, type TenantStores } from '@cgk/jobs-core'
import type { Logger } from 'pino'
import type { DirectorySource, StoreSource } from './config.ts'
import { usageError } from './exit-error.ts'
import { openDirectory } from './open-directory.ts'
import type { Settings } from './settings.ts'
import type { WorkerStores } from './worker-stores.ts'

/** What {@link openTenantStores} works with. */
export interface TenantStoresRequest {
  readonly settings: Settings
  readonly directory: DirectorySource
  readonly logger: Logger
  readonly openSource: (source: StoreSource) => JobStore
  readonly close: (stores: readonly Pick<JobStore, 'close'>[]) => Promise<unknown[]>
}

/**
 * Opens the stores of a directory's tenants.
 *
 * @throws `ExitError` 2 for a directory or a store that cannot be.
 */
export async function openTenantStores(request: TenantStoresRequest): Promise<WorkerStores> {
  const { settings, openSource, logger } = request
  const given: JobStore[] = []
  const sources: Record<string, JobStore | (() => JobStore)> = {}
  for (const [name, source] of settings.stores) {
    // One given by its URL is closed when no tenant needs it, and opened anew when one does.
    if (typeof source === 'string') sources[name] = () => openSource(source)
    else given.push((sources[name] = source))
  }
  const directory = await openDirectory(request.directory, logger)
  let stores: TenantStores
  try {
    stores = createTenantStores({
      directory,
      stores: sources,
      defaultStore: settings.defaultStore,
      open: openStore,
    })
    for (const name of stores.names) stores.get(name)
  } catch (error) {
    directory.close()
    await request.close(given)
    if (isJobsError(error)) throw usageError(error.message, { cause: error })
    throw error
  }
  return {
    of: () => stores,
    opened: () => new Map(stores.opened().map(({ label, store }) => [label, store])),
    oneIsEnough: true,
    close: async () => {
      directory.close()
      return request.close([...given, stores])
    },
  }
}
