import { listDirectory, type TenantDirectory } from '@cgk/jobs-core'
import type { Logger } from 'pino'
import type { DirectorySource } from './config.ts'
import { messageOf, usageError } from './exit-error.ts'
import { fileDirectory } from './file-directory.ts'
import { jobsLogger } from './logger.ts'

/**
 * Opens the directory of a config and waits until its tenants are known.
 *
 * @throws `ExitError` 2 when they cannot be.
 */
export async function openDirectory(
  source: DirectorySource,
  logger: Logger,
): Promise<TenantDirectory> {
  try {
    const directory = directoryOf(source, logger)
    await directory.ready()
    return directory
  } catch (cause) {
    throw usageError(`the tenants are not known: ${messageOf(cause)}`, { cause })
  }
}

/** Tells a directory that is made already from what one is made of. */
export function isDirectory(value: unknown): value is TenantDirectory {
  if (typeof value !== 'object' || value === null) return false
  const { current, ready, subscribe } = value as Partial<Record<keyof TenantDirectory, unknown>>
  return [current, ready, subscribe].every((method) => typeof method === 'function')
}

function directoryOf(source: DirectorySource, logger: Logger): TenantDirectory {
  if (isDirectory(source)) return source
  if (typeof source === 'string' || source instanceof URL) {
    return fileDirectory(source, { logger: jobsLogger(logger) })
  }
  return listDirectory(source)
}
