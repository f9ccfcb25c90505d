import { existsSync } from 'node:fs'
import { rm, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import type { PGlite } from '@electric-sql/pglite'
import { DbError } from '../db-error.ts'
import type { Db } from '../db.ts'
import { DirectoryLock } from './directory-lock.ts'
import { PgliteDb } from './pglite-db.ts'
import { withQuietTimers } from './quiet-timers.ts'

/**
 * Opens a database in a directory, for this process alone; creates it where there is none, which takes
 * some seconds. An idle one holds no process open. What was committed survives the end of the process, also by `kill -9`; PGlite does not
 * wait for the disk, so that a loss of power may lose or damage it.
 *
 * @param directory - left out for a database in memory, which is gone when it is closed.
 * @throws {@link DbError} `DB_DIRECTORY_IN_USE`, naming the process that has it; `DB_FORMAT_MISMATCH`
 * where another major version of Postgres wrote it; `DB_NOT_INSTALLED` without `@electric-sql/pglite`.
 */
export async function openPglite(directory?: string): Promise<Db> {
  const Embedded = await importPglite()
  if (directory === undefined) {
    const pglite = await begun(new Embedded())
    return new PgliteDb(pglite, () => pglite.close())
  }
  const path = resolve(directory)
  const lock = await DirectoryLock.take(path)
  try {
    const pglite = await createOrOpen(Embedded, path)
    return new PgliteDb(pglite, async () => {
      try {
        await pglite.close()
      } finally {
        await lock.release()
      }
    })
  } catch (error) {
    await lock.release()
    throw error
  }
}

/** Uses a PGlite of the caller's, who also closes it. */
export function usePglite(pglite: PGlite): Db {
  return new PgliteDb(pglite, () => Promise.resolve())
}

async function importPglite(): Promise<typeof PGlite> {
  let load: typeof PGlite
  try {
    load = (await import('@electric-sql/pglite')).PGlite
  } catch (cause) {
    const message =
      'an embedded database needs a package that is not installed: npm install @electric-sql/pglite'
    throw new DbError('DB_NOT_INSTALLED', message, { cause })
  }
  return class extends load {
    override execProtocolRawSync(message: Uint8Array): Uint8Array {
      return withQuietTimers(() => super.execProtocolRawSync(message))
    }
  }
}

/** Waits until it can be used, and lets the timer that its start has set be followed by a quiet one. */
async function begun(pglite: PGlite): Promise<PGlite> {
  await pglite.waitReady
  // Postgres has one timer, and sets it anew for what is due earlier: here the limit of the second statement.
  await pglite.exec('set statement_timeout = 1')
  await pglite.exec('reset statement_timeout')
  return pglite
}

async function createOrOpen(Embedded: typeof PGlite, directory: string): Promise<PGlite> {
  const data = join(directory, 'data')
  // There while a database is made: one that was not finished holds nothing, and is made anew.
  const unfinished = join(directory, 'unfinished')
  if (existsSync(unfinished)) await rm(data, { recursive: true, force: true })
  const isNew = !existsSync(data)
  if (isNew) await writeFile(unfinished, '')
  const pglite = await open(Embedded, data)
  if (isNew) await rm(unfinished)
  return pglite
}

async function open(Embedded: typeof PGlite, data: string): Promise<PGlite> {
  const log: string[] = []
  const keep = (line: string): boolean => {
    log.push(line)
    return false
  }
  try {
    return await begun(new Embedded(data, { onStdout: keep, onStderr: keep }))
  } catch (error) {
    const text = log.join('\n')
    const [, written, ours] =
      /initialized by PostgreSQL version (\S+), .* this version ([\w.]+[\w])/.exec(text) ?? []
    if (written !== undefined && ours !== undefined) {
      throw new DbError(
        'DB_FORMAT_MISMATCH',
        `the database in ${data} was written by Postgres ${written}, and this PGlite is Postgres ${ours}: open it with the version of @electric-sql/pglite that wrote it, or move it away`,
      )
    }
    const reason = log.findLast((line) => /FATAL|PANIC/.test(line)) ?? (error as Error).message
    throw new DbError('DB_UNKNOWN', `the database in ${data} does not open: ${reason}`)
  }
}
