import { isDbError, type CallOptions, type Db, type Migrator } from '@cgk/db'
import type { StoreFinding } from '@cgk/jobs-core'
import { schemaChecks } from './schema-checks.ts'
import { serverChecks } from './server-checks.ts'

/** What the checks look at. */
export interface Examined {
  readonly db: Db
  /** Not quoted. */
  readonly schema: string
  readonly migrator: Migrator
}

/** Looks at one thing; `null` where there is nothing to be said of it. */
export interface Check {
  readonly name: string
  readonly look: (
    examined: Examined,
    options?: CallOptions,
  ) => Promise<Omit<StoreFinding, 'check'> | null>
}

/**
 * Runs every check. One that fails is a finding of its own and stops no other.
 *
 * @throws `DbError` where the database lets nobody look at anything.
 */
export async function examine(
  examined: Examined,
  options?: CallOptions,
): Promise<readonly StoreFinding[]> {
  await examined.db.query('select 1', [], options)
  const findings: StoreFinding[] = []
  for (const { name, look } of [...serverChecks, ...schemaChecks]) {
    const finding = await look(examined, options).catch(failed)
    if (finding !== null) findings.push({ check: name, ...finding })
  }
  return findings
}

function failed(error: unknown): Omit<StoreFinding, 'check'> {
  if (!isDbError(error)) throw error
  return { level: 'error', message: `could not be looked at: ${error.message}` }
}
