import type { StoreAdmin } from '@cgk/jobs-core'
import { openAdminByUrl } from './adapters.ts'

/**
 * Opens the care of the store that a URL names: its schema, and an examination of what may be wrong with it.
 * Close it when done; the store itself is opened by `openStore`.
 *
 * @throws {@link JobsError} `JOBS_INVALID_CONFIG`; `JOBS_STORE_NOT_INSTALLED`, naming the package;
 * `JOBS_UNSUPPORTED` for `memory:`, of which there is nothing to look after.
 */
export function openStoreAdmin(url: string): StoreAdmin {
  return openAdminByUrl(url)
}
