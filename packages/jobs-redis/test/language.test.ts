import type { NewJob } from '@cgk/jobs-core'
import { createTestRedisInstance } from '@cgk/test-servers'
import { execFile } from 'node:child_process'
import { chmod, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { createRedisStore } from '../src/index.ts'

// Servers and connections take their time where many tests run at once.
vi.setConfig({ testTimeout: 60_000 })

const QUEUE = 'orders'

// There a lower case letter is before the upper case one, and most bytes that are no letters do not count.
const LANGUAGE = 'en_US.UTF-8'

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'cgk-language-'))
  // The server may run as another account.
  await chmod(folder, 0o755)
})
afterEach(async () => {
  vi.unstubAllEnvs()
  await rm(folder, { recursive: true, force: true })
})

test('no order hangs on the language of the server', async ({ skip }) => {
  const language = ['-i', 'en_US', '-f', 'UTF-8', join(folder, LANGUAGE)]
  await promisify(execFile)('localedef', language).catch(() => skip('there is no localedef'))
  vi.stubEnv('LOCPATH', folder)
  vi.stubEnv('LC_ALL', LANGUAGE)
  await using server = await createTestRedisInstance(skip)
  const store = createRedisStore({ url: server.url })
  const claim = async (slots: number) => {
    const request = { queue: QUEUE, leaseMs: 30_000, worker: 'w', suspects: false, prefetch: 0 }
    return (await store.claim({ ...request, slots })).jobs
  }
  const job = { queue: QUEUE, name: 'send', payload: '{}', priority: 0 }

  const tenants = Array.from({ length: 150 }, (_, at) => `t${at}`)
  const ofEach: NewJob[] = tenants.map((tenantId) => ({ ...job, tenantId }))
  await store.enqueue([...ofEach, ...ofEach])
  const turns = (await claim(200)).map(({ tenantId }) => tenantId)
  expect(turns).toEqual([...tenants, ...tenants.slice(0, 50)])
  await claim(100)

  const ofOne: NewJob[] = Array.from({ length: 100 }, (_, at) => ({
    ...job,
    tenantId: 'last',
    name: `${at}`,
    ...(at % 3 === 0 && { limiter: 'mail' }),
  }))
  await store.enqueue(ofOne)
  expect((await claim(100)).map(({ name }) => name)).toEqual(ofOne.map(({ name }) => name))
  await store.close()
})
