import { mkdir, open, readdir, rm, stat, utimes } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { DbError } from '../db-error.ts'
import { currentProcess, isAlive, type ProcessIdentity } from './process-identity.ts'

const SIGN_OF_LIFE_MS = 2000
/** A process of another machine or container without a sign of life for so long is gone. */
const SILENCE_MS = 15_000

const ATTEMPTS = 5
const PAUSE_MS = 50

/**
 * Keeps a directory for one process.
 *
 * Each contender puts down a file that bears its own name, then looks for others: of two, at least the
 * later one sees the other. A file of a process that is gone bears a name that no process will ever
 * have again, so that anybody may remove it, and nobody can remove a living one's by mistake.
 */
export class DirectoryLock {
  readonly #file: string
  readonly #timer: NodeJS.Timeout

  private constructor(file: string) {
    this.#file = file
    // Only looked at from other machines, where our process number means nothing.
    this.#timer = setInterval(() => {
      const now = new Date()
      // One that fails is one that is missing, as of a process that is held up: the next comes soon, and
      // only several in a row are silence.
      utimes(file, now, now).catch(() => {})
    }, SIGN_OF_LIFE_MS)
    this.#timer.unref()
  }

  /** @throws {@link DbError} `DB_DIRECTORY_IN_USE`, naming the process. */
  static async take(directory: string): Promise<DirectoryLock> {
    await mkdir(directory, { recursive: true })
    const own = fileOf(currentProcess())
    const file = join(directory, own)
    for (let attempt = 1; ; attempt += 1) {
      await putDown(file, directory)
      let other: ProcessIdentity | undefined
      try {
        other = await findOther(directory, own)
      } catch (error) {
        await rm(file, { force: true })
        throw error
      }
      if (other === undefined) return new DirectoryLock(file)
      await rm(file, { force: true })
      if (attempt === ATTEMPTS) throw inUse(directory, `the process ${other.pid}`)
      // Two that began at the same moment have both seen the other.
      await delay(PAUSE_MS * (0.5 + Math.random()))
    }
  }

  async release(): Promise<void> {
    clearInterval(this.#timer)
    await rm(this.#file, { force: true })
  }
}

async function putDown(file: string, directory: string): Promise<void> {
  try {
    await (await open(file, 'wx')).close()
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    throw inUse(directory, 'this process: use the database that it opened')
  }
}

/** The living process that has put down its file too. */
async function findOther(directory: string, own: string): Promise<ProcessIdentity | undefined> {
  const { machine } = currentProcess()
  for (const name of await readdir(directory)) {
    const owner = ownerOf(name)
    if (owner === undefined || name === own) continue
    const file = join(directory, name)
    const isThere = owner.machine === machine ? isAlive(owner) : await givesSignsOfLife(file)
    if (isThere) return owner
    await rm(file, { force: true })
  }
  return undefined
}

async function givesSignsOfLife(file: string): Promise<boolean> {
  const first = await lastSign(file)
  // Clocks of two machines may differ somewhat.
  if (first === undefined || Date.now() - first > 4 * SILENCE_MS) return false
  for (let waited = 0; waited < SILENCE_MS; waited += SIGN_OF_LIFE_MS) {
    await delay(SIGN_OF_LIFE_MS)
    const sign = await lastSign(file)
    if (sign === undefined) return false
    if (sign !== first) return true
  }
  return false
}

async function lastSign(file: string): Promise<number | undefined> {
  try {
    return (await stat(file)).mtimeMs
  } catch {
    return undefined
  }
}

function fileOf({ pid, startedAt, machine }: ProcessIdentity): string {
  return `owner-${pid}-${startedAt}-${machine}`
}

function ownerOf(file: string): ProcessIdentity | undefined {
  const [, pid, startedAt, machine] = /^owner-(\d+)-(\d*)-([0-9a-f]+)$/.exec(file) ?? []
  if (pid === undefined || startedAt === undefined || machine === undefined) return undefined
  return { pid: Number(pid), startedAt, machine }
}

function inUse(directory: string, who: string): DbError {
  return new DbError('DB_DIRECTORY_IN_USE', `the database in ${directory} is in use by ${who}`)
}
