import { JobsError } from '@cgk/jobs-core'

/** Where a page ended, as a text without meaning to anybody else. */
export function writeCursor(parts: readonly string[]): string {
  return Buffer.from(JSON.stringify(parts)).toString('base64url')
}

/**
 * The parts that {@link writeCursor} was given.
 *
 * @throws {@link JobsError} `JOBS_INVALID_OPTION` for what it did not write.
 */
export function readCursor(cursor: string, length: number): readonly string[] {
  const parts = parse(Buffer.from(cursor, 'base64url').toString())
  const isOurs =
    Array.isArray(parts) &&
    parts.length === length &&
    parts.every((part) => typeof part === 'string' && !part.includes('\0')) &&
    writeCursor(parts as readonly string[]) === cursor
  if (!isOurs) throw foreignCursor()
  return parts as readonly string[]
}

export function foreignCursor(): JobsError {
  return new JobsError('JOBS_INVALID_OPTION', 'the cursor is not one that this store handed out')
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
