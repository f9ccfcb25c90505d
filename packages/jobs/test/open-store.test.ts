import { afterEach, expect, test, vi } from 'vitest'
import { createJobQueue, openStore } from '../src/index.ts'

afterEach(() => {
  vi.unstubAllEnvs()
})

test('one URL is one store in a process', () => {
  expect(openStore('memory:')).toBe(openStore('memory:'))
})

test('a store that was closed is opened anew', async () => {
  const closed = openStore('memory:')
  await closed.close()
  const store = openStore('memory:')
  expect(store).not.toBe(closed)
  await store.ping()
  await closed.close()
  expect(openStore('memory:')).toBe(store)
})

test('two copies of the package share their stores', async () => {
  const path = '../src/open-store.ts?another-copy'
  const copy = (await import(path)) as { readonly openStore: typeof openStore }
  expect(copy.openStore).not.toBe(openStore)
  expect(copy.openStore('memory:')).toBe(openStore('memory:'))
})

test('without a URL, JOBS_STORE_URL names the store, and a directory where it is unset or empty', () => {
  expect(openStore()).toBe(openStore('memory:'))
  for (const unset of [undefined, '']) {
    vi.stubEnv('JOBS_STORE_URL', unset)
    expect(openStore()).toBe(openStore('pglite:./.jobs'))
    expect(openStore().name).toBe('pglite')
  }
  vi.stubEnv('JOBS_STORE_URL', 'mysql://localhost')
  expect(() => openStore()).toThrow(/the store URL scheme mysql: is not known/)
})

test.each(['mysql://user:secret@host', 'secret', ':memory:', 'constructor:secret', 'MEMORY:'])(
  'the URL %s is refused without being repeated',
  (url) => {
    const error = errorOf(() => openStore(url))
    expect(error).toMatchObject({ code: 'JOBS_INVALID_CONFIG' })
    expect(error.message).toContain('memory:')
    expect(error.message).not.toContain('secret')
  },
)

test('two queues of one name and no store are the same queue', async () => {
  const producer = createJobQueue({ name: 'shared' })
  const consumer = createJobQueue({ name: 'shared' })
  const { id } = await producer.enqueue('greet', { who: 'you' })
  expect(await consumer.getJob(id)).toMatchObject({ name: 'greet', payload: { who: 'you' } })
})

test('a store and a URL at once are refused', () => {
  const store = openStore('memory:')
  expect(() => createJobQueue({ name: 'both', store, connectionString: 'memory:' })).toThrow(
    expect.objectContaining({ code: 'JOBS_INVALID_CONFIG' }) as Error,
  )
})

test('a URL as the store is refused, and not repeated', () => {
  const store = 'postgres://user:secret@host/db' as never
  const error = errorOf(() => createJobQueue({ name: 'url', store }))
  expect(error).toMatchObject({
    code: 'JOBS_INVALID_CONFIG',
    message: 'store of queue url is text: give a URL as its connectionString, or openStore(url)',
  })
})

function errorOf(call: () => unknown): Error {
  try {
    call()
  } catch (error) {
    return error as Error
  }
  throw new Error('expected a refusal')
}
