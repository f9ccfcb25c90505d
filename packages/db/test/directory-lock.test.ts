import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readdir, rm, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { DirectoryLock } from '../src/pglite/directory-lock.ts'
import { errorOf } from './support/error-of.ts'

vi.setConfig({ testTimeout: 60_000 })

let directory: string
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'cgk-lock-'))
})
afterEach(() => rm(directory, { recursive: true, force: true }))

/** The file of this process, with something of it changed. */
async function leave(change: (name: string) => string, writtenAt = new Date()): Promise<void> {
  const lock = await DirectoryLock.take(directory)
  const [own] = await readdir(directory)
  await lock.release()
  const file = join(directory, change(own ?? ''))
  await writeFile(file, '')
  await utimes(file, writtenAt, writtenAt)
}

async function takeAndRelease(): Promise<void> {
  const lock = await DirectoryLock.take(directory)
  await lock.release()
  expect(await readdir(directory)).toEqual([])
}

test('a lock that is released leaves nothing behind', takeAndRelease)

test('a lock is not given twice in one process', async () => {
  const lock = await DirectoryLock.take(directory)
  expect(await errorOf(DirectoryLock.take(directory))).toMatchObject({
    code: 'DB_DIRECTORY_IN_USE',
  })
  await lock.release()
  await takeAndRelease()
})

test('a lock of a process that is gone is taken over', async () => {
  const gone = spawn(process.execPath, ['--version'], { stdio: 'ignore' })
  await once(gone, 'exit')
  await leave((name) => name.replace(/^owner-\d+/, `owner-${gone.pid}`))
  await takeAndRelease()
})

test.runIf(process.platform === 'linux')(
  'a process that has the number of one that is gone does not have its lock',
  async () => {
    await leave((name) => name.replace(/^(owner-\d+)-\d+/, `owner-${process.ppid}-1`))
    await takeAndRelease()
  },
)

test('a lock of another machine is taken over when nothing was heard of it for long', async () => {
  await leave((name) => name.replace(/[0-9a-f]+$/, 'abc'), new Date(Date.now() - 120_000))
  await takeAndRelease()
})

test('a lock of another machine is left alone while it gives signs of life', async () => {
  await leave((name) => name.replace(/[0-9a-f]+$/, 'abc'))
  const [other = ''] = await readdir(directory)
  const signs = setInterval(() => void utimes(join(directory, other), new Date(), new Date()), 500)
  const error = await errorOf(DirectoryLock.take(directory))
  clearInterval(signs)
  expect(error).toMatchObject({ code: 'DB_DIRECTORY_IN_USE' })
  expect(await readdir(directory)).toEqual([other])
})

test('of several processes that begin at once never two have it, and one does', async () => {
  const module = join(import.meta.dirname, '../src/pglite/directory-lock.ts')
  const program = `
    import { DirectoryLock } from ${JSON.stringify(module)}
    await DirectoryLock.take(${JSON.stringify(directory)}).then(
      () => { console.log('taken'); setInterval(() => {}, 1000) },
      (error) => console.log(error.code),
    )`
  const children = Array.from({ length: 4 }, () =>
    spawn(process.execPath, ['--input-type=module', '--eval', program], {
      stdio: ['ignore', 'pipe', 'inherit'],
    }),
  )
  const said = await Promise.all(
    children.map(async (child) => {
      const line = await createInterface(child.stdout)[Symbol.asyncIterator]().next()
      return line.value as string
    }),
  )
  for (const child of children) child.kill('SIGKILL')
  expect(said.filter((line) => line === 'taken').length).toBeLessThanOrEqual(1)
  expect(said.filter((line) => line === 'DB_DIRECTORY_IN_USE').length).toBeGreaterThanOrEqual(3)
})
