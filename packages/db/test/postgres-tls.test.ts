import {
  createSelfSignedCertificate,
  createTestInstance,
  type PostgresInstance,
} from '@cgk/test-servers'
import postgres from 'postgres'
import { afterAll, beforeEach, describe, expect, test, vi } from 'vitest'
import { connectPostgres } from '../src/index.ts'
import { errorOf } from './support/error-of.ts'
import { SERVERS } from './support/use-db.ts'

vi.setConfig({ hookTimeout: 300_000 }) // Postgres may have to be installed.

const ENCRYPTED = 'select ssl from pg_stat_ssl where pid = pg_backend_pid()'

describe.each(SERVERS)('by TLS, on a server of one’s own, %s', (kind) => {
  const certificate = createSelfSignedCertificate('localhost')
  let server: PostgresInstance | undefined
  beforeEach(async ({ skip }) => {
    server ??= await createTestInstance(kind, skip, certificate)
  })
  afterAll(() => server?.[Symbol.asyncDispose]())

  function urlWith(sslmode: string, host = 'localhost'): string {
    const url = new URL(server?.url ?? expect.unreachable())
    url.hostname = host
    url.searchParams.set('sslmode', sslmode)
    return url.href
  }

  test('sslmode=require encrypts, whoever the server is', async () => {
    await using db = connectPostgres({ url: urlWith('require') })
    expect(await db.query(ENCRYPTED)).toEqual([{ ssl: true }])
    expect(await db.control.query(ENCRYPTED)).toEqual([{ ssl: true }])
    expect(await db.transaction((tx) => tx.query(ENCRYPTED))).toEqual([{ ssl: true }])
  })

  test('a listener hears by TLS', async () => {
    await using db = connectPostgres({ url: urlWith('require') })
    const heard = Promise.withResolvers<string>()
    await db.listen('x', { onNotify: heard.resolve })
    await db.query(`select pg_notify('x', 'encrypted')`)
    expect(await heard.promise).toBe('encrypted')
  })

  test('sslmode=verify-full refuses a certificate that nobody vouches for', async () => {
    await using db = connectPostgres({ url: urlWith('verify-full') })
    expect(await errorOf(db.query('select 1'))).toMatchObject({
      retryable: false,
      cause: { code: 'DEPTH_ZERO_SELF_SIGNED_CERT' },
    })
  })

  test('a certificate that the caller trusts is accepted for the host that it names', async () => {
    const ssl = { ca: certificate.certificate }
    const named = postgres(urlWith('verify-full'), { ssl })
    await using db = connectPostgres({ sql: named })
    expect(await db.query(ENCRYPTED)).toEqual([{ ssl: true }])
  })

  test('an aborted statement is given up and cancelled', async () => {
    await using db = connectPostgres({ url: urlWith('require') })
    const controller = new AbortController()
    const sleeping = errorOf(db.query('select pg_sleep(60)', [], { signal: controller.signal }))
    const running = `select 1 from pg_stat_activity where wait_event = 'PgSleep'`
    await vi.waitFor(async () => expect(await db.query(running)).toHaveLength(1))
    controller.abort()
    expect(await sleeping).toMatchObject({ code: 'DB_ABORTED' })
    await vi.waitFor(async () => expect(await db.query(running)).toHaveLength(0))
  })

  test('a server that crashes fails calls at once, and is used again when it is back', async () => {
    await using db = connectPostgres({ url: urlWith('require') })
    const lost = Promise.withResolvers<void>()
    const restored = Promise.withResolvers<void>()
    await db.listen('x', {
      onNotify: () => {},
      onLost: () => lost.resolve(),
      onRestored: restored.resolve,
    })
    const underWay = errorOf(db.query('select pg_sleep(60)'))
    const running = `select 1 from pg_stat_activity where wait_event = 'PgSleep'`
    await vi.waitFor(async () => expect(await db.query(running)).toHaveLength(1))
    await server?.stop('kill')
    expect(await underWay).toMatchObject({ code: 'DB_CONNECTION_LOST', retryable: true })
    await lost.promise
    expect(await errorOf(db.query('select 1'))).toMatchObject({ code: 'DB_CONNECTION_FAILED' })
    await server?.start()
    await restored.promise
    expect(await db.query(ENCRYPTED)).toEqual([{ ssl: true }])
  })
})
