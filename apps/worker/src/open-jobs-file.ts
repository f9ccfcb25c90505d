import { open } from 'node:fs/promises'
import { resolve } from 'node:path'
import type { Readable } from 'node:stream'
import { messageOf, usageError } from './exit-error.ts'

const READ_BYTES = 256 * 1024

/** A jobs file, open for reading. */
export interface JobsFile {
  readonly stream: Readable
  /** `null` when nobody knows yet how much will come. */
  readonly size: number | null
}

/**
 * Opens a jobs file; `-` is standard input.
 *
 * @throws `ExitError` 2 when there is no such file or it cannot be read.
 */
export async function openJobsFile(path: string, cwd: string): Promise<JobsFile> {
  if (path === '-') return { stream: process.stdin, size: null }
  try {
    const handle = await open(resolve(cwd, path))
    const stat = await handle.stat()
    if (stat.isDirectory()) throw new Error('it is a directory')
    return {
      stream: handle.createReadStream({ highWaterMark: READ_BYTES }),
      size: stat.isFile() ? stat.size : null,
    }
  } catch (cause) {
    throw usageError(`cannot read ${path}: ${messageOf(cause)}`, { cause })
  }
}
