import { withTenant } from '@cgk/core'
import { describe, expect, test } from 'vitest'
import { checkScope, describeScope } from '../../src/limits/check-scope.ts'
import type { QueueScope } from '../../src/limits/limit-options.ts'
import { DEFAULT_SIZES } from '../../src/size-limits.ts'

const check = (scope: unknown) => checkScope('default', scope as QueueScope, DEFAULT_SIZES)

test.each<[QueueScope, string]>([
  [{}, 'queue default'],
  [{ tenantId: 'acme' }, 'tenant acme in queue default'],
  [{ tenantId: null }, 'the jobs without a tenant in queue default'],
  [{ tenantId: '*' }, 'each tenant in queue default'],
  [{ tenantId: 'acme', limiter: 'a' }, 'limiter "a" of tenant acme in queue default'],
  [{ tenantId: '*', limiter: 'a' }, 'limiter "a" of each tenant in queue default'],
  [{ tenantId: null, key: 'k' }, 'key "k" of the jobs without a tenant in queue default'],
])('outside of a tenant, %j means itself: %s', (scope, name) => {
  expect(check(scope)).toEqual({ queue: 'default', ...scope })
  expect(describeScope(check(scope))).toBe(name)
})

test('inside of a tenant a scope without one means that tenant, and one with another that one', () => {
  withTenant('globex', () => {
    expect(check({})).toEqual({ queue: 'default', tenantId: 'globex' })
    expect(check({ limiter: 'a' })).toEqual({ queue: 'default', tenantId: 'globex', limiter: 'a' })
    expect(check({ tenantId: 'acme' })).toEqual({ queue: 'default', tenantId: 'acme' })
    expect(check({ tenantId: null })).toEqual({ queue: 'default', tenantId: null })
    expect(withTenant(null, () => check({}))).toEqual({ queue: 'default' })
  })
})

describe('refused:', () => {
  test.each<[unknown, string, RegExp]>([
    [null, 'JOBS_INVALID_LIMIT', /^the scope must be an object$/],
    ['acme', 'JOBS_INVALID_LIMIT', /^the scope must be an object$/],
    [
      { tenant: 'acme' },
      'JOBS_INVALID_LIMIT',
      /^the scope has no "tenant", only tenantId, limiter/,
    ],
    [
      { tenantId: undefined },
      'JOBS_INVALID_LIMIT',
      /^the scope says tenantId: undefined; leave it/,
    ],
    [
      { tenantId: 'acme', key: 'k', limiter: 'a' },
      'JOBS_INVALID_LIMIT',
      /^the scope has limiter or key, not both$/,
    ],
    [
      { limiter: 'a' },
      'JOBS_INVALID_LIMIT',
      /^the scope with a limiter needs a tenantId: EACH_TEN/,
    ],
    [
      { key: 'k' },
      'JOBS_INVALID_LIMIT',
      /^the scope with a key needs a tenantId: EACH_TENANT \('\*'/,
    ],
    [{ tenantId: 'a:b' }, 'JOBS_INVALID_TENANT_ID', /^tenantId "a:b" is not a tenant id/],
    [{ tenantId: 7 }, 'JOBS_INVALID_TENANT_ID', /^tenantId a value of type number/],
    [{ tenantId: 'acme', limiter: '' }, 'JOBS_INVALID_KEY', /^limiter "" is not allowed: 1 to 200/],
    [{ tenantId: 'acme', key: 'a\nb' }, 'JOBS_INVALID_KEY', /^key "a\\nb" is not allowed/],
  ])('%j', (scope, code, says) => {
    expect(() => check(scope)).toThrow(
      expect.objectContaining({ code, message: expect.stringMatching(says) as string }),
    )
  })
})
