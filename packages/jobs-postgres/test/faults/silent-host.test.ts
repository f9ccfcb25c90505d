import { connectPostgres } from '@cgk/db'
import { createTestDatabase, PostgresProxy } from '@cgk/test-servers'
import { expect, test, vi } from 'vitest'
import { createPostgresStore } from '../../src/index.ts'
import { newJobs, QUEUE } from './support/jobs.ts'

vi.setConfig({ testTimeout: 60_000 })

test('of several hosts one that says nothing any more is left by calls whose time is up as they connect', async () => {
  await using database = await createTestDatabase('local')
  await using gone = await PostgresProxy.start(database.url)
  const hosts = [gone.url, database.url].map((url) => new URL(url).host).join()
  const store = createPostgresStore({
    url: gone.url.replace(new URL(gone.url).host, hosts),
    connectTimeoutMs: 1_500,
  })
  await using stack = new AsyncDisposableStack()
  stack.defer(() => store.close())
  const look = () => store.counts({ queue: QUEUE }, { signal: AbortSignal.timeout(1_200) })
  await store.counts({ queue: QUEUE })

  gone.silenceAll(true)
  const silent = { code: 'JOBS_STORE_TIMEOUT', retryable: true }
  // The connection that there is, and the next.
  await expect(look()).rejects.toMatchObject(silent)
  await expect(look()).rejects.toMatchObject(silent)
  expect(await look()).toMatchObject({ pending: 0 })
})

test('a store whose hints nobody answers is closed within seconds', async () => {
  await using database = await createTestDatabase('local')
  await using proxy = await PostgresProxy.start(database.url)
  const store = createPostgresStore({ url: proxy.url })
  await store.enqueue(newJobs(1, 'job'))
  proxy.silenceAll(true)
  store.enqueue(newJobs(1, 'other'), { signal: AbortSignal.timeout(100) }).catch(() => {})
  const begun = performance.now()
  await store.close()
  expect(performance.now() - begun).toBeLessThan(12_000)
})

test('a store that opened a connection which fell silent is opened again by a later call', async () => {
  await using database = await createTestDatabase('local')
  await using proxy = await PostgresProxy.start(database.url)
  await using db = connectPostgres({ url: proxy.url })
  await db.query('select 1')
  const store = createPostgresStore({ db })
  proxy.silence()
  const begun = performance.now()
  await expect(store.counts({ queue: QUEUE })).rejects.toMatchObject({ retryable: true })
  expect(await store.counts({ queue: QUEUE })).toMatchObject({ pending: 0 })
  expect(performance.now() - begun).toBeLessThan(12_000)
  await store.close()
})
