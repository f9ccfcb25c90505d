import { JobsError } from '@cgk/jobs-core'
import type { ServerInfo } from './server-info.ts'

const OLDEST_MAJOR = 7

/**
 * Looks at what INFO says of a server that was just connected to.
 *
 * @throws {@link JobsError} `JOBS_INVALID_CONFIG` for one that would delete jobs when its memory is full, or
 * that is too old.
 */
export function checkServer(info: ServerInfo): void {
  const version = info.get('redis_version') ?? ''
  if (isTooOld(version)) {
    throw new JobsError(
      'JOBS_INVALID_CONFIG',
      `the Redis server is version ${version}: the store needs Redis 7 or newer, or Valkey`,
    )
  }
  const policy = info.get('maxmemory_policy') ?? ''
  if (evicts(policy)) {
    throw new JobsError(
      'JOBS_INVALID_CONFIG',
      `the Redis server deletes keys when its memory is full (maxmemory-policy ${policy}), and jobs with them: set maxmemory-policy to noeviction`,
    )
  }
}

/** Whether the store cannot work on a server of this version. */
export function isTooOld(version: string): boolean {
  return Number.parseInt(version, 10) < OLDEST_MAJOR
}

/** Whether jobs are deleted when memory is full. A volatile-… policy takes keys with an expiry alone, and no job has one. */
export function evicts(policy: string): boolean {
  return policy.startsWith('allkeys-')
}
