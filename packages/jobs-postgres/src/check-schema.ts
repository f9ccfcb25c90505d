import { JobsError } from '@cgk/jobs-core'
import type { Db } from '@cgk/db'
import { createJobsMigrator } from './migrations.ts'

/** How long the server may take to say what is there. An embedded database is never silent, only busy. */
const ANSWER_MS = 5_000

/**
 * Makes sure that the schema is of the version of this package.
 *
 * @param migrate - whether an older one, or none, is brought there, or refused.
 * @throws {@link JobsError} `JOBS_STORE_UNAVAILABLE`, `retryable`: somebody has to migrate the schema, or to
 * update this program.
 */
export async function checkSchema(
  db: Db,
  schema: string,
  migrate: 'auto' | 'manual',
): Promise<void> {
  const migrator = createJobsMigrator(db, schema)
  const { version, wanted, isOlder, isNewer, drifted } = await migrator.status(
    db.kind === 'postgres' ? { signal: AbortSignal.timeout(ANSWER_MS) } : {},
  )
  if (drifted.length > 0) {
    throw new JobsError(
      'JOBS_STORE_UNAVAILABLE',
      `schema ${schema} was made by other migrations than those of this program: ${drifted.join(', ')}`,
    )
  }
  const is = `schema ${schema} is of version ${version}, and this program needs version ${wanted}`
  if (isNewer) throw unfit(`${is}: update the program`)
  if (!isOlder) return
  if (migrate === 'manual') throw unfit(`${is}: run cgk-worker migrate up`)
  await migrator.up()
}

function unfit(message: string): JobsError {
  return new JobsError('JOBS_STORE_UNAVAILABLE', message, { retryable: true })
}
