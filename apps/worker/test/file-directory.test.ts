import { mkdir, mkdtemp, rename, rm, unlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { TenantDirectory } from '@cgk/jobs-core'
import { fileDirectory } from '@cgk/worker'
import { afterEach, beforeEach, expect, test } from 'vitest'

let folder: string
let file: string
let directory: TenantDirectory | undefined
let reports: string[]

const logger = {
  warn() {},
  error(_message: string, fields: Readonly<Record<string, unknown>> = {}) {
    reports.push((fields['error'] as Error).message)
  },
}

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'cgk-directory-'))
  file = join(folder, 'tenants.json')
  reports = []
})

afterEach(async () => {
  directory?.close()
  await rm(folder, { recursive: true })
})

// So long that only the watch can have noticed.
const open = (path: string | URL = file) =>
  (directory = fileDirectory(path, { refreshMs: 3_600_000, logger }))
const text = (...ids: readonly string[]) => JSON.stringify(ids.map((id) => ({ id })))
const soon = { timeout: 4_000 }

test('an edit in place is noticed', async () => {
  await writeFile(file, text('a'))
  const tenants = open(pathToFileURL(file))
  await tenants.ready()
  await writeFile(file, text('a', 'b'))
  await expect.poll(() => tenants.get('b'), soon).toEqual({ id: 'b', status: 'active' })
})

test('a replacement by another file is noticed, and so is the one after it', async () => {
  await writeFile(file, text('a'))
  const tenants = open()
  await tenants.ready()
  for (const id of ['b', 'c']) {
    await writeFile(`${file}.next`, text(id))
    await rename(`${file}.next`, file)
    await expect.poll(() => [...tenants.current()!.keys()], soon).toEqual([id])
  }
})

test('a file that goes away is reported, what it said stays, and a new one is noticed', async () => {
  await writeFile(file, text('a'))
  const tenants = open()
  await tenants.ready()
  await unlink(file)
  await expect.poll(() => reports.length, soon).toBe(1)
  expect(reports[0]).toContain('ENOENT')
  expect([...tenants.current()!.keys()]).toEqual(['a'])
  await writeFile(file, text('b'))
  await expect.poll(() => [...tenants.current()!.keys()], soon).toEqual(['b'])
})

test('what is not JSON is reported by its place, and nothing of the file is shown', async () => {
  await writeFile(file, '[\n  {"id": "a", "store": "postgres://app:hunter2@db" oops}\n]')
  const error: unknown = await open()
    .ready()
    .catch((thrown: unknown) => thrown)
  expect((error as Error).message).toBe(`${file} is not JSON (line 2 column 52)`)
  expect((error as Error).cause).toBeUndefined()
})

test('a file in a folder that is not there cannot be watched, and is found by reading', async () => {
  const tenants = (directory = fileDirectory(join(folder, 'later', 'tenants.json'), {
    refreshMs: 100,
    logger,
  }))
  await expect(tenants.ready()).rejects.toThrow('ENOENT')
  expect(tenants.current()).toBeNull()
  await mkdir(join(folder, 'later'))
  await writeFile(join(folder, 'later', 'tenants.json'), text('a'))
  await expect.poll(() => tenants.get('a'), soon).toBeDefined()
})
