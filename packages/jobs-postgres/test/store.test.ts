import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import {
  isJobsError,
  type JobsError,
  type JobStore,
  type NewJob,
  type WakeUp,
} from '@cgk/jobs-core'
import { quoteSchema } from '@cgk/db'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { createJobsMigrator, createPostgresStore, createStoreFromUrl } from '../src/index.ts'
import { writeCursor } from '../src/page-cursor.ts'
import { testPlace, type PlaceKind } from './support/test-place.ts'

vi.setConfig({ hookTimeout: 120_000, testTimeout: 60_000 })

const QUEUE = 'default'
const INDEX = new URL('../src/index.ts', import.meta.url).href

const stores: JobStore[] = []

afterEach(async () => {
  await Promise.all(stores.splice(0).map((store) => store.close()))
})

/** A store that is closed when the test is done. */
function opened(store: JobStore): JobStore {
  stores.push(store)
  return store
}

async function refusalOf(call: Promise<unknown>): Promise<JobsError> {
  return call.then(
    () => expect.unreachable('it should have been refused'),
    (error: unknown) => error as JobsError,
  )
}

describe.each<PlaceKind>(['local', 'embedded', 'pglite'])('a store on %s', (kind) => {
  const openPlace = testPlace(kind)
  let schemas = 0

  async function place() {
    const { db, options } = await openPlace()
    const schema = `O'store ${++schemas}`
    const open = (migrate: 'auto' | 'manual') =>
      opened(createPostgresStore({ ...options, schema, migrate }))
    const hasSchema = async () =>
      (await db.query('select 1 from pg_namespace where nspname = $1', [schema])).length > 0
    return { db, schema, open, hasSchema }
  }

  test('makes its schema at the first call, and nothing before', async () => {
    const { open, hasSchema } = await place()
    const store = open('auto')
    expect(await hasSchema()).toBe(false)
    await store.ping()
    expect(await hasSchema()).toBe(true)
    expect(await open('manual').get([])).toEqual([])
  })

  test('is opened by ten at once, of which one makes the schema', async () => {
    const { open } = await place()
    const all = Array.from({ length: 10 }, () => open('auto'))
    await Promise.all(all.flatMap((store) => [store.ping(), store.counts({ queue: QUEUE })]))
  })

  test('refuses an older schema until somebody has run the migrations', async () => {
    const { db, schema, open, hasSchema } = await place()
    const store = open('manual')
    const refusal = await refusalOf(store.counts({ queue: QUEUE }))
    expect(refusal).toMatchObject({ code: 'JOBS_STORE_UNAVAILABLE', retryable: true })
    expect(refusal.message).toMatch(
      /is of version 0, .* needs version \d+: run cgk-worker migrate up/,
    )
    expect(await hasSchema()).toBe(false)

    await createJobsMigrator(db, schema).up()
    expect(await store.counts({ queue: QUEUE })).toMatchObject({ pending: 0 })
  })

  test.each(['auto', 'manual'] as const)('refuses a newer schema (%s)', async (migrate) => {
    const { db, schema, open } = await place()
    await createJobsMigrator(db, schema).up()
    const history = `${quoteSchema(schema)}.migration`
    await db.query(`insert into ${history} (version, name, checksum) values (1000, 'next', '')`)
    const store = open(migrate)
    const refusal = await refusalOf(store.ping())
    expect(refusal).toMatchObject({ code: 'JOBS_STORE_UNAVAILABLE', retryable: true })
    expect(refusal.message).toContain('is of version 1000')

    await db.query(`delete from ${history} where version = 1000`)
    await store.ping()
  })

  test('refuses a schema that other migrations made', async () => {
    const { db, schema, open } = await place()
    await createJobsMigrator(db, schema).up()
    await db.query(`update ${quoteSchema(schema)}.migration set checksum = '' where version = 1`)
    const refusal = await refusalOf(open('auto').ping())
    expect(refusal).toMatchObject({ code: 'JOBS_STORE_UNAVAILABLE', retryable: false })
    expect(refusal.message).toContain('0001-tables')
  })

  test('gives up a call whose signal aborts while the store opens', async () => {
    const { open } = await place()
    const store = open('auto')
    const controller = new AbortController()
    const call = refusalOf(store.ping({ signal: controller.signal }))
    controller.abort()
    expect(await call).toMatchObject({ code: 'JOBS_STORE_TIMEOUT', retryable: true })
    await store.ping()
  })

  test('that was never used is closed, and one that is being opened', async () => {
    const { open } = await place()
    await open('auto').close()
    const store = open('auto')
    const call = store.ping().catch((error: unknown) => error)
    await store.close()
    const error = await call
    expect(error === undefined || isJobsError(error, 'JOBS_STORE_CLOSED')).toBe(true)
    expect(await refusalOf(store.ping())).toMatchObject({ code: 'JOBS_STORE_CLOSED' })
  })

  test('refuses a cursor that it did not hand out', async () => {
    const { open } = await place()
    const store = open('auto')
    const ours = (...parts: string[]): string => writeCursor(parts)
    for (const cursor of [
      '',
      '1',
      'abc',
      ours(),
      ours('x'),
      ours('9223372036854775808'),
      ours('1', '2'),
    ]) {
      const refusal = await refusalOf(store.list({ queue: QUEUE, limit: 1, cursor }))
      expect(refusal).toMatchObject({ code: 'JOBS_INVALID_OPTION' })
    }
  })

  test('hears hints of its own schema alone', async () => {
    const { db, schema, open } = await place()
    const neighbour = await place()
    const heard: WakeUp[] = []
    const store = open('auto')
    store.subscribe!((wakeUp) => heard.push(wakeUp))
    await neighbour.open('auto').ping()
    await store.ping()
    const hint = async (name: string, text: string) =>
      await db.query(`select ${quoteSchema(name)}.hint($1)`, [text])
    await vi.waitFor(async () => {
      await hint(schema, 'ready somebody a queue')
      expect(heard).not.toEqual([])
    })

    heard.length = 0
    await hint(neighbour.schema, 'ready somebody theirs')
    await hint(schema, 'changed somebody ours')
    await vi.waitFor(() => expect(heard.at(-1)).toEqual({ queue: 'ours', reason: 'changed' }))
    expect(heard.filter(({ queue }) => queue === 'theirs')).toEqual([])
  })
})

describe('a server', () => {
  const openPlace = testPlace('local')
  const job: NewJob = { queue: QUEUE, tenantId: null, name: 'work', payload: '1', priority: 0 }

  test('that only reads is left, and looked for anew by the next call', async () => {
    const { db, options } = await openPlace()
    const store = opened(createPostgresStore(options))
    await store.enqueue([job])
    const setReadOnly = async (value: 'on' | 'off') => {
      const [row] = await db.query<{ name: string }>('select current_database() as name')
      await db.query(`alter database ${row!.name} set default_transaction_read_only = ${value}`)
    }
    await setReadOnly('on')
    await db.query(
      `select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'cgk-jobs' and datname = current_database()`,
    )
    await vi.waitFor(async () => {
      const refusal = await refusalOf(store.enqueue([job]))
      expect(refusal).toMatchObject({ code: 'JOBS_STORE_UNAVAILABLE', retryable: true })
      expect(refusal.cause).toMatchObject({ code: '25006' })
    })

    await setReadOnly('off')
    await store.enqueue([job])
    expect(await store.counts({ queue: QUEUE })).toMatchObject({ pending: 2 })
  })

  test('holds the jobs of each schema apart', async () => {
    const { options } = await openPlace()
    const [mine, theirs] = ['mine', 'theirs'].map((schema) =>
      opened(createPostgresStore({ ...options, schema })),
    )
    await mine!.enqueue([job])
    expect(await mine!.counts({ queue: QUEUE })).toMatchObject({ pending: 1 })
    expect(await theirs!.counts({ queue: QUEUE })).toMatchObject({ pending: 0 })
  })

  test('keeps no program running that has called it and listens to it', async () => {
    const { options } = await openPlace()
    const program = `
      import { createPostgresStore } from ${JSON.stringify(INDEX)}
      const store = createPostgresStore(${JSON.stringify({ ...options, schema: 'program' })})
      store.subscribe(() => {})
      const jobs = Array.from({ length: 3 }, () => (${JSON.stringify(job)}))
      await Promise.all(jobs.map((job) => store.enqueue([job])))
      console.log('enqueued')`
    const { stdout } = await promisify(execFile)(
      process.execPath,
      ['--input-type=module', '--eval', program],
      { timeout: 30_000 },
    )
    expect(stdout).toBe('enqueued\n')
  })
})

describe('a database that is not there', () => {
  test('makes calls fail in time with a retryable error that holds no password', async () => {
    const store = opened(
      createPostgresStore({
        url: 'postgres://app:secret@127.0.0.1:1/shop',
        connectTimeoutMs: 1000,
      }),
    )
    const refusal = await refusalOf(store.ping())
    expect(refusal).toMatchObject({ code: 'JOBS_STORE_UNAVAILABLE', retryable: true })
    expect(`${refusal.stack} ${String(refusal.cause)}`).not.toContain('secret')
  })
})

describe('createStoreFromUrl', () => {
  const openPlace = testPlace('local')

  test('takes the schema from a URL of a server', async () => {
    const { db, options } = await openPlace()
    const { url } = options as { readonly url: string }
    const store = opened(createStoreFromUrl(`${url}?schema=from_url&connect_timeout=3`))
    expect(store.name).toBe('postgres')
    await store.ping()
    expect(await db.query(`select 1 from pg_namespace where nspname = 'from_url'`)).toHaveLength(1)
  })

  test('opens PGlite in memory', async () => {
    const store = opened(createStoreFromUrl('pglite:memory'))
    expect(store.name).toBe('pglite')
    expect(await store.counts({ queue: QUEUE })).toMatchObject({ pending: 0 })
  })

  test.each([
    'redis://:secret@host',
    'postgres:secret',
    'pglite:',
    'secret',
    'postgres://host/db?schema=pg_secret',
  ])('refuses %s without repeating it', (url) => {
    const refusal = (() => {
      try {
        return createStoreFromUrl(url)
      } catch (error) {
        return error as JobsError
      }
    })()
    expect(refusal).toMatchObject({ code: 'JOBS_INVALID_CONFIG' })
    expect((refusal as JobsError).message).not.toContain('postgres://host')
    expect((refusal as JobsError).message).not.toContain(':secret')
  })
})

describe('createPostgresStore', () => {
  const url = 'postgres://app:secret@host/shop'
  test.each([
    { url, schema: '' },
    { url, schema: 'a\nb' },
    { url, migrate: 'never' },
    { url, history: { failed: { maxAgeMs: -1 } } },
    { url, history: { completed: { maxCount: Number.NaN } } },
    { url, maxConnections: 0 },
    { url: 'mysql://host' },
    {},
  ])('refuses %o', (options) => {
    expect(() => createPostgresStore(options as never)).toThrow(
      expect.objectContaining({
        code: 'JOBS_INVALID_CONFIG',
        message: expect.not.stringContaining('secret') as string,
      }) as Error,
    )
  })
})
