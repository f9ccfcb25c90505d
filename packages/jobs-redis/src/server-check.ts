import { JobsError } from '@cgk/jobs-core'

const OLDEST_MAJOR = 7

/**
 * Looks at what INFO says of a server that was just connected to.
 *
 * @throws {@link JobsError} `JOBS_INVALID_CONFIG` for one that would delete jobs when its memory is full, or
 * that is too old.
 */
export function checkServer(info: string): void {
  const settings = new Map(
    info.split('\r\n').map((line) => {
      const colon = line.indexOf(':')
      return [line.slice(0, colon), line.slice(colon + 1)] as const
    }),
  )
  const version = settings.get('redis_version') ?? ''
  if (Number.parseInt(version, 10) < OLDEST_MAJOR) {
    throw new JobsError(
      'JOBS_INVALID_CONFIG',
      `the Redis server is version ${version}: the store needs Redis 7 or newer, or Valkey`,
    )
  }
  // A volatile-… policy takes keys with an expiry alone, and no job has one.
  const policy = settings.get('maxmemory_policy') ?? ''
  if (policy.startsWith('allkeys-')) {
    throw new JobsError(
      'JOBS_INVALID_CONFIG',
      `the Redis server deletes keys when its memory is full (maxmemory-policy ${policy}), and jobs with them: set maxmemory-policy to noeviction`,
    )
  }
}
