import { expect, test } from 'vitest'
import { readEnvironment } from '../src/overrides.ts'
import { resolveSettings } from '../src/settings.ts'

const NOTHING = { flags: {}, environment: {}, config: {} }

test('without a word from anybody there is one queue on the database in .jobs', () => {
  expect(resolveSettings(NOTHING)).toMatchObject({
    stores: new Map([['default', 'pglite:./.jobs']]),
    queues: new Map([['default', { concurrency: 10, store: 'default', jobs: [] }]]),
    tenants: null,
    health: null,
    gracePeriod: 20_000,
    logLevel: 'info',
  })
})

test('a flag wins over the environment, and that over the config', () => {
  const config = {
    store: 'memory:',
    queues: { mail: { concurrency: 3 } },
    health: { port: 1, host: '::1' },
    gracePeriod: 1,
    log: { level: 'error' },
  } as const
  const environment = readEnvironment({
    JOBS_STORE_URL: 'redis://environment',
    JOBS_CONCURRENCY: '4',
    JOBS_HEALTH_PORT: '2',
    JOBS_GRACE_PERIOD: '2',
    JOBS_LOG_LEVEL: 'warn',
  })
  expect(resolveSettings({ flags: {}, environment, config })).toMatchObject({
    stores: new Map([['default', 'redis://environment']]),
    queues: new Map([['mail', { concurrency: 4, store: 'default', jobs: [] }]]),
    health: { port: 2, host: '::1' },
    gracePeriod: 2,
    logLevel: 'warn',
  })
  const flags = {
    store: 'redis://flag',
    concurrency: 5,
    healthPort: 0,
    gracePeriod: 0,
    logLevel: 'silent',
  } as const
  expect(resolveSettings({ flags, environment, config })).toMatchObject({
    stores: new Map([['default', 'redis://flag']]),
    queues: new Map([['mail', { concurrency: 5, store: 'default', jobs: [] }]]),
    health: { port: 0, host: '::1' },
    gracePeriod: 0,
    logLevel: 'silent',
  })
})

test('a port from elsewhere turns on the health endpoints that the config turns off', () => {
  const settings = { ...NOTHING, config: { health: false } } as const
  expect(resolveSettings(settings).health).toBe(null)
  expect(resolveSettings({ ...settings, flags: { healthPort: 8080 } }).health).toEqual({
    port: 8080,
    host: '127.0.0.1',
  })
})

test('with several stores each queue has its own, and JOBS_STORE_URL has no say', () => {
  const { stores, queues } = resolveSettings({
    flags: {},
    environment: { store: 'redis://environment' },
    config: { stores: { a: 'memory:', b: 'redis://b' }, queues: { q: { store: 'b' } } },
  })
  expect([...stores.keys()]).toEqual(['a', 'b'])
  expect(queues.get('q')?.store).toBe('b')
})

test('a queue runs the jobs of all queues and its own', () => {
  const { queues } = resolveSettings({
    ...NOTHING,
    config: { jobs: ['./a.ts'], queues: { q: { jobs: ['./b.ts'] }, r: {} } },
  })
  expect(queues.get('q')?.jobs).toEqual(['./a.ts', './b.ts'])
  expect(queues.get('r')?.jobs).toEqual(['./a.ts'])
})
