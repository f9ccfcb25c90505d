import { consoleLogger } from '../runtime/console-logger.ts'
import { guarded } from '../runtime/guarded-logger.ts'
import { checkTenants } from './check-tenants.ts'
import { KnownTenants } from './known-tenants.ts'
import type { TenantEntry } from './tenant.ts'
import type { TenantDirectory } from './tenant-directory.ts'

/** A directory whose tenants the program itself says. */
export interface ListDirectory extends TenantDirectory {
  /** Says them anew. @throws {@link JobsError} `JOBS_INVALID_CONFIG`; the tenants stay as they were. */
  replace(entries: readonly TenantEntry[]): void
}

/**
 * A directory of the tenants given.
 *
 * @throws {@link JobsError} `JOBS_INVALID_CONFIG`, naming each tenant and property that is wrong.
 *
 * @example
 * ```ts
 * const directory = listDirectory([{ id: 'rawdog', weight: 5 }, { id: 'meliusly' }])
 * ```
 */
export function listDirectory(entries: readonly TenantEntry[]): ListDirectory {
  const known = new KnownTenants(guarded(consoleLogger))
  const replace = (given: readonly TenantEntry[]) => known.replace(checkTenants(given))
  replace(entries)
  return {
    current: () => known.current(),
    get: (id) => known.get(id),
    ready: () => Promise.resolve(known.current()!),
    subscribe: (listener) => known.subscribe(listener),
    replace,
    close() {},
  }
}
