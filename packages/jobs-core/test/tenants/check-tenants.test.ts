import { expect, test } from 'vitest'
import { checkTenants } from '../../src/tenants/check-tenants.ts'

const rate = { limit: 2, period: 1_000, burst: 40 }

test('an entry may say everything or its id alone, and is active unless it says otherwise', () => {
  const full = {
    id: 'rawdog',
    status: 'onboarding' as const,
    weight: 5,
    limits: { concurrency: 3, rate, backlog: 0 },
    limiters: { shopify: { concurrency: 1, rate, breaker: { failures: 3, cooldown: 1_000 } } },
    store: 'big',
    formerStores: ['main'],
    timezone: 'Europe/London',
  }
  const tenants = checkTenants([full, { id: 'meliusly' }])
  expect([...tenants]).toEqual([
    ['rawdog', full],
    ['meliusly', { id: 'meliusly', status: 'active' }],
  ])
})

test.each([
  ['no array', {}, 'it must be an array of tenants such as { "id": "rawdog" }'],
  ['an entry that is no object', ['rawdog'], 'tenant 0: must be an object'],
  ['no id', [{ weight: 1 }], 'tenant 0: id: a value of type undefined is not a tenant id'],
  ['a bad id', [{ id: 'Raw Dog' }], 'tenant "Raw Dog": id: "Raw Dog" is not a tenant id'],
  ['one twice', [{ id: 'a' }, { id: 'a' }], 'tenant "a": it is listed twice'],
  ['a typo', [{ id: 'a', wieght: 1 }], 'tenant "a": "wieght" is not a property'],
  [
    'a typo below',
    [{ id: 'a', limits: { rps: 1 } }],
    'tenant "a": limits: "rps" is not one of concurrency, rate, backlog',
  ],
  [
    'a status that there is not',
    [{ id: 'a', status: 'paused' }],
    'tenant "a": status: must be one of active, suspended, onboarding, not "paused"',
  ],
  [
    'a weight of nothing',
    [{ id: 'a', weight: 0 }],
    'tenant "a": weight must be a whole number from 1 to 1000, not 0',
  ],
  [
    'a limit as text',
    [{ id: 'a', limits: { concurrency: '3' } }],
    'tenant "a": limits: concurrency must be a whole number from 1, not "3"',
  ],
  [
    'a limit of null',
    [{ id: 'a', limits: { backlog: null } }],
    `tenant "a": limits: backlog is null; leave it out, or say 'none'`,
  ],
  [
    'half a rate',
    [{ id: 'a', limits: { rate: { limit: 1 } } }],
    'tenant "a": limits: rate.period must be a whole number from 1 to',
  ],
  ['limits that are none', [{ id: 'a', limits: 3 }], 'tenant "a": limits: must be an object'],
  [
    'a limiter with a backlog',
    [{ id: 'a', limiters: { api: { backlog: 1 } } }],
    'tenant "a": limiters: "api": "backlog" is not one of concurrency, rate, breaker',
  ],
  [
    'a limiter without a name',
    [{ id: 'a', limiters: { '': {} } }],
    'tenant "a": limiters: limiter "" is not allowed',
  ],
  [
    'a zone that there is not',
    [{ id: 'a', timezone: 'Mars/Olympus' }],
    'tenant "a": timezone: must be an IANA name such as Europe/London',
  ],
  [
    'a store without a name',
    [{ id: 'a', store: '' }],
    'tenant "a": store: must be the name or the URL of a store',
  ],
  [
    'former stores that are none',
    [{ id: 'a', formerStores: ['main', 1] }],
    'tenant "a": formerStores: must be the name or the URL of a store',
  ],
])('%s is refused, naming tenant and property', (_, entries, problem) => {
  expect(() => checkTenants(entries)).toThrow(
    expect.objectContaining({
      code: 'JOBS_INVALID_CONFIG',
      message: expect.stringContaining(`the tenant directory is not valid:\n  ${problem}`),
    }),
  )
})

test('all that is wrong is named at once, up to twenty', () => {
  const entries = Array.from({ length: 25 }, (_, n) => ({ id: `t${n}`, weight: -1 }))
  expect(() => checkTenants(entries)).toThrow(/tenant "t19"[^]*and 5 more$/)
})
