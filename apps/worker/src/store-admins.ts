import { isJobsError, openStoreAdmin, type StoreAdmin } from '@cgk/jobs'
import { usageError } from './exit-error.ts'
import type { Settings } from './settings.ts'

/** A store of the settings, and its care; `null` where there is none. */
export interface NamedStore {
  readonly name: string
  readonly admin: StoreAdmin | null
  /** Why there is no care. */
  readonly reason: string
}

/**
 * Opens the care of each store that the settings name by a URL.
 *
 * @throws `ExitError` 2 for a URL that nothing opens.
 */
function openStoreAdmins({ stores }: Settings): NamedStore[] {
  return [...stores].map(([name, source]) => {
    if (typeof source !== 'string') {
      return { name, admin: null, reason: 'is a JobStore of the config file, not a URL' }
    }
    try {
      return { name, admin: openStoreAdmin(source), reason: '' }
    } catch (error) {
      if (!isJobsError(error)) throw error
      if (error.code === 'JOBS_UNSUPPORTED') return { name, admin: null, reason: error.message }
      throw usageError(error.message, { cause: error })
    }
  })
}

/** Does something with each store in turn and closes them all, whatever happens. */
export async function withStoreAdmins(
  settings: Settings,
  visit: (store: NamedStore) => Promise<void>,
): Promise<void> {
  const opened = openStoreAdmins(settings)
  try {
    for (const store of opened) await visit(store)
  } finally {
    await Promise.allSettled(opened.map(async ({ admin }) => await admin?.close()))
  }
}
