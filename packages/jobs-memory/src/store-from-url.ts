import { JobsError, type JobStore } from '@cgk/jobs-core'
import { createMemoryStore, type MemoryStoreOptions } from './memory-store.ts'

/**
 * Opens the store that a URL names, as every adapter package does: here a new, empty one for
 * `memory:`.
 *
 * @throws {@link JobsError} `JOBS_INVALID_CONFIG` for any other URL.
 */
export function createStoreFromUrl(url: string, options?: MemoryStoreOptions): JobStore {
  if (!/^memory:(\/\/)?$/.test(url)) {
    // Not the URL itself: one of another store may hold a password.
    throw new JobsError('JOBS_INVALID_CONFIG', '@cgk/jobs-memory opens the URL "memory:" alone')
  }
  return createMemoryStore(options)
}
