import type { JobStore, StoreAdmin } from '@cgk/jobs-core'
import { RedisStoreAdmin } from './admin/redis-store-admin.ts'
import { createRedisStore, DEFAULT_PREFIX, type RedisStoreOptions } from './redis-store.ts'

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

/**
 * Opens the care of the store that a URL names, see {@link createStoreFromUrl}. There is nothing to migrate.
 *
 * @throws {@link JobsError} `JOBS_INVALID_CONFIG`
 */
export function createStoreAdminFromUrl(
  url: string,
  { prefix = DEFAULT_PREFIX }: Pick<RedisStoreOptions, 'prefix'> = {},
): StoreAdmin {
  return new RedisStoreAdmin(url, prefix)
}
