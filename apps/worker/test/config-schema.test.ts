import { listDirectory } from '@cgk/jobs-core'
import { expect, test } from 'vitest'
import { readConfig } from '../src/config-schema.ts'

test.each<[config: object, problems: unknown[]]>([
  [{ concurrency: 5 }, ['concurrency is not a setting']],
  [{ store: '' }, ['store must be a store URL or a JobStore']],
  [{ store: { name: 'mine' } }, ['store must be a store URL or a JobStore']],
  [
    { store: 'memory:', stores: { a: 'memory:' } },
    ['store and stores exclude each other: give one of them'],
  ],
  [{ stores: {} }, ['stores must name at least one store']],
  [
    { stores: { a: 'memory:', b: 'memory:' } },
    ['queues is missing: with several stores, each queue names its own'],
  ],
  [
    { stores: { a: 'memory:', b: 'memory:' }, queues: { q: {}, r: { store: 'c' } } },
    [
      'queues.q.store is missing: choose one of a, b',
      'queues.r.store must be one of a, b, not "c"',
    ],
  ],
  [
    { queues: { q: { store: 'a' } } },
    ['queues.q.store names a store, but there are no stores to choose from'],
  ],
  [{ queues: [] }, ['queues must be an object']],
  [{ queues: {} }, ['queues must name at least one queue']],
  [
    { queues: { q: { concurrency: '20' } } },
    ['queues.q.concurrency must be a whole number from 1 to 10000'],
  ],
  [{ queues: { q: { cnocurrency: 20 } } }, ['queues.q.cnocurrency is not a setting']],
  [
    { jobs: [{}] },
    ['jobs[0] must be a job definition, or the path or URL of a module that exports some'],
  ],
  [{ tenants: ['Raw Dog'] }, [expect.stringMatching(/^tenants\[0] "Raw Dog" is not a tenant id/)]],
  [
    { directory: 5 },
    ['directory must be a list of tenants, the path of a JSON file of them, or a TenantDirectory'],
  ],
  [{ directory: [], tenants: [] }, ['tenants and directory exclude each other']],
  [
    { directory: [], store: 'memory:', stores: { a: 'memory:' } },
    ['store and stores exclude each other: give one of them'],
  ],
  [
    { directory: [], stores: { a: 'memory:', b: 'memory:' } },
    ['defaultStore is missing: choose one of a, b'],
  ],
  [
    { directory: [], stores: { a: 'memory:' }, defaultStore: 'c' },
    ['defaultStore must be one of a, not "c"'],
  ],
  [
    { directory: [], queues: { q: { store: 'a' } } },
    ['queues.q.store has no say: with a directory each tenant has its store'],
  ],
  [{ defaultStore: 'a' }, ['defaultStore has no say without a directory']],
  [{ health: {} }, ['health.port is missing']],
  [{ health: { port: 70000 } }, ['health.port must be a whole number from 0 to 65535']],
  [{ health: true }, ['health must be an object']],
  [{ gracePeriod: -1 }, ['gracePeriod must be a whole number from 0 to 86400000']],
  [
    { log: { level: 'loud' } },
    ['log.level must be one of trace, debug, info, warn, error, fatal, silent'],
  ],
  [{ hooks: { started: 1 } }, ['hooks.started must be a function']],
  [{ hooks: { onStart() {} } }, ['hooks.onStart is not a setting']],
])('the config %j is refused by name', (config, problems) => {
  expect(readConfig(config).problems).toEqual(problems)
})

test.each([
  { directory: [{ id: 'rawdog' }] },
  { directory: './tenants.json', stores: { default: 'memory:', big: 'memory://' } },
  {
    directory: new URL('file:///tenants.json'),
    stores: { a: 'memory:', b: 'memory:' },
    defaultStore: 'b',
  },
  { directory: listDirectory([]), store: 'memory:', queues: { q: {} } },
])('a directory may be a list, a path, a URL or made already: %j', (config) => {
  expect(readConfig(config).problems).toBe(undefined)
})

test('a config may leave anything out, or undefined', () => {
  expect(readConfig({}).config).toEqual({})
  expect(readConfig({ store: undefined, queues: { a: { jobs: undefined } } }).problems).toBe(
    undefined,
  )
})
