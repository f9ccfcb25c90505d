import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { startWithCompose } from '../src/compose-server.ts'
import { firstThatStarts } from '../src/first-that-starts.ts'

test('where no server can be started, the message names what was tried and what helps', async () => {
  const search = firstThatStarts('Set TEST_POSTGRES_URL.', [
    () => Promise.reject(new Error('postgresql is not installed: there is no apt-get')),
    () => Promise.reject(new Error('docker is not there')),
  ])
  await expect(search).rejects.toThrow(
    /TEST_POSTGRES_URL[^]*\n- postgresql is not installed: there is no apt-get\n- docker is not there$/,
  )
})

test('the first way that works is taken', async () => {
  const server = { url: 'postgres://found', stop: () => Promise.resolve() }
  const search = firstThatStarts('', [
    () => Promise.reject(new Error('not here')),
    () => Promise.resolve(server),
    () => expect.unreachable(),
  ])
  expect(await search).toBe(server)
})

describe('docker compose', () => {
  let folder: string
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'cgk-docker-'))
  })
  afterEach(async () => {
    vi.unstubAllEnvs()
    await rm(folder, { recursive: true })
  })

  /** A `docker` that writes down what it is asked, and ends as told. */
  async function standIn(ending: string): Promise<() => Promise<string>> {
    const log = join(folder, 'asked')
    await writeFile(join(folder, 'docker'), `#!/bin/sh\necho "$@" >> ${log}\n${ending}\n`)
    await chmod(join(folder, 'docker'), 0o755)
    vi.stubEnv('PATH', `${folder}${delimiter}${process.env['PATH']}`)
    return () => readFile(log, 'utf8')
  }

  test('is asked for the server of compose.yaml, and to remove it in the end', async () => {
    const asked = await standIn('exit 0')
    const server = await startWithCompose('postgres')
    expect(server.url).toBe('postgres://postgres@127.0.0.1:54315/postgres')
    await server.stop()
    const [up, rm] = (await asked()).split('\n')
    expect(up).toMatch(/^compose --file \S+\/compose\.yaml up --detach --wait postgres$/)
    expect(rm).toMatch(/^compose --file \S+\/compose\.yaml rm --stop --force postgres$/)
  })

  test('that fails says why', async () => {
    await standIn('echo "Cannot connect to the Docker daemon" >&2; exit 1')
    await expect(startWithCompose('postgres')).rejects.toThrow(
      /docker ended with 1\nCannot connect to the Docker daemon/,
    )
  })

  test('that is not installed is said not to be', async () => {
    vi.stubEnv('PATH', folder)
    await expect(startWithCompose('postgres')).rejects.toThrow('docker is not installed')
  })
})
