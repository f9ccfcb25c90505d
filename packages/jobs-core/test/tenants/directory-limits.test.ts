import { expect, test } from 'vitest'
import type { LimitScope, Limits, StoredLimits } from '../../src/storage/limits.ts'
import { directoryLimits, limitChanges } from '../../src/tenants/directory-limits.ts'
import type { Tenant } from '../../src/tenants/tenant.ts'

const rate = { limit: 2, period: 1_000, burst: 40 }
const stated = { limit: 2, periodMs: 1_000, burst: 40 }
const tenant = (id: string, more: Partial<Tenant> = {}): Tenant => ({
  id,
  status: 'active',
  ...more,
})
const stored = (
  scope: Omit<LimitScope, 'queue'>,
  directory: Limits,
  operator: Limits = {},
): StoredLimits => ({ scope: { queue: 'q', ...scope }, directory, operator })

/** What is stored once the changes are made. */
function apply(changes: ReturnType<typeof limitChanges>): StoredLimits[] {
  return changes.map(({ scope, limits }) => ({ scope, directory: limits as Limits, operator: {} }))
}

test('each tenant says its limits, known ones are not held, all others are, and those without one run', () => {
  const said = directoryLimits('q', [
    tenant('a', { weight: 3, limits: { concurrency: 2, rate, backlog: 9 } }),
    tenant('b', { status: 'suspended', limiters: { api: { rate } } }),
    tenant('c', { status: 'onboarding' }),
  ])
  expect(said).toEqual([
    {
      scope: { queue: 'q', tenantId: 'a' },
      limits: { paused: false, weight: 3, concurrency: 2, rate: stated, backlog: 9 },
    },
    { scope: { queue: 'q', tenantId: 'b' }, limits: { paused: true } },
    { scope: { queue: 'q', tenantId: 'b', limiter: 'api' }, limits: { rate: stated } },
    { scope: { queue: 'q', tenantId: 'c' }, limits: { paused: false } },
    { scope: { queue: 'q', tenantId: null }, limits: { paused: false } },
    { scope: { queue: 'q', tenantId: '*' }, limits: { paused: true } },
  ])
})

test('what is said already is not said again', () => {
  const wanted = directoryLimits('q', [tenant('a', { limits: { rate } })])
  const first = limitChanges('directory', wanted, [])
  expect(first).toHaveLength(3)
  const again = directoryLimits('q', [tenant('a', { limits: { rate: { ...rate } } })])
  expect(limitChanges('directory', again, apply(first))).toEqual([])
})

test('a change says what differs alone, and takes back what is said no more', () => {
  const before = [stored({ tenantId: 'a' }, { paused: false, weight: 3, concurrency: 2 })]
  const [change] = limitChanges(
    'directory',
    directoryLimits('q', [tenant('a', { weight: 4, status: 'suspended' })]),
    before,
  )
  expect(change).toEqual({
    scope: { queue: 'q', tenantId: 'a' },
    source: 'directory',
    limits: { paused: true, weight: 4, concurrency: null },
  })
})

test('all that is said of a tenant that has left is taken back, and nothing of what an operator said', () => {
  const changes = limitChanges(
    'directory',
    [],
    [
      stored({ tenantId: 'gone' }, { paused: false, weight: 3 }, { concurrency: 1 }),
      stored({ tenantId: 'gone', limiter: 'api' }, { rate: stated }),
      stored({ tenantId: 'gone', key: 'k' }, {}, { concurrency: 1 }),
      stored({}, {}, { concurrency: 100 }),
    ],
  )
  expect(changes).toEqual([
    {
      scope: { queue: 'q', tenantId: 'gone' },
      source: 'directory',
      limits: { paused: null, weight: null },
    },
    {
      scope: { queue: 'q', tenantId: 'gone', limiter: 'api' },
      source: 'directory',
      limits: { rate: null },
    },
  ])
})
