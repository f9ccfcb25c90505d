import type { JobStore } from '@cgk/jobs-core'
import { createRedisStore, type RedisStoreOptions } from './redis-store.ts'

/**
 * Opens the store that a URL names, as every adapter package does: `redis://…` or `rediss://…`.
 *
 * @throws {@link JobsError} `JOBS_INVALID_CONFIG` for any other URL.
 */
export function createStoreFromUrl(
  url: string,
  options?: Pick<RedisStoreOptions, 'prefix' | 'history'>,
): JobStore {
  return createRedisStore({ ...options, url })
}
