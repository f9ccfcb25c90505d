import { describe, expect, test } from 'vitest'
import { checkLimits } from '../../src/limits/check-limits.ts'
import type { LimitChanges } from '../../src/limits/limit-options.ts'
import type { LimitScope } from '../../src/storage/limits.ts'

const QUEUE: LimitScope = { queue: 'default' }
const TENANT: LimitScope = { queue: 'default', tenantId: 'acme' }
const EACH: LimitScope = { queue: 'default', tenantId: '*' }
const NONE: LimitScope = { queue: 'default', tenantId: null }
const LIMITER: LimitScope = { ...TENANT, limiter: 'shopify' }
const KEY: LimitScope = { ...TENANT, key: 'order-1' }

const TEN_YEARS = 315_360_000_000

const check = (scope: LimitScope, limits: unknown) => checkLimits(scope, limits as LimitChanges)

test.each<[LimitScope, unknown, unknown]>([
  [QUEUE, {}, {}],
  [QUEUE, { concurrency: 1 }, { concurrency: 1 }],
  [KEY, { concurrency: 'none', rate: null }, { concurrency: 'none', rate: null }],
  [TENANT, { weight: 1_000, backlog: 0 }, { weight: 1_000, backlog: 0 }],
  [EACH, { weight: 1, backlog: 'none' }, { weight: 1, backlog: 'none' }],
  [NONE, { backlog: 7 }, { backlog: 7 }],
  [TENANT, { weight: null, backlog: null }, { weight: null, backlog: null }],
  [QUEUE, { rate: { limit: 2, period: 1_000 } }, { rate: { limit: 2, periodMs: 1_000, burst: 1 } }],
  [
    LIMITER,
    { rate: { limit: 1_000, period: 1, burst: 1_000_000 } },
    { rate: { limit: 1_000, periodMs: 1, burst: 1_000_000 } },
  ],
  [
    QUEUE,
    { rate: { limit: 1, period: TEN_YEARS } },
    { rate: { limit: 1, periodMs: TEN_YEARS, burst: 1 } },
  ],
  [
    LIMITER,
    { breaker: { failures: 5, cooldown: 0.5 + 1_000 } },
    { breaker: { failures: 5, cooldownMs: 1_001 } },
  ],
  [LIMITER, { breaker: 'none' }, { breaker: 'none' }],
])('of %j, %j is stored as %j', (scope, limits, stored) => {
  expect(check(scope, limits)).toEqual(stored)
})

describe('refused, with the property and the rule:', () => {
  test.each<[LimitScope, unknown, string]>([
    [QUEUE, null, 'limits must be an object, not of type null'],
    [QUEUE, 5, 'limits must be an object, not 5'],
    [QUEUE, [], 'limits must be an object, not of type object'],
    [
      QUEUE,
      { concurency: 5 },
      'there is no limit "concurency"; there are weight, concurrency, rate, backlog, breaker',
    ],
    [QUEUE, { toString: 5 }, 'there is no limit "toString"; there are weight, concurrency,'],
    [QUEUE, { concurrency: undefined }, 'concurrency is undefined; leave it out to let it stay,'],
    [TENANT, { paused: true }, 'paused is not set as a limit is: call pause and resume with'],
    ...[0, 1.5, -1, 1_001, Number.NaN, Infinity].map((weight): [LimitScope, unknown, string] => [
      TENANT,
      { weight },
      `weight must be a whole number from 1 to 1000, not ${weight}`,
    ]),
    [TENANT, { weight: '3' }, 'weight must be a whole number from 1 to 1000, not "3"'],
    [TENANT, { weight: 'none' }, 'weight must be a whole number from 1 to 1000, not "none"'],
    [QUEUE, { weight: 2 }, 'weight is a limit of tenants, not of queue default'],
    [
      LIMITER,
      { weight: 2 },
      'weight is a limit of tenants, not of limiter "shopify" of tenant acme in queue default',
    ],
    [
      NONE,
      { weight: 2 },
      'weight is a limit of tenants: the jobs without one always have weight 1',
    ],
    ...[0, Infinity, 1.5, -1, Number.NaN].map((concurrency): [LimitScope, unknown, string] => [
      QUEUE,
      { concurrency },
      `concurrency must be a whole number from 1, not ${concurrency}`,
    ]),
    [QUEUE, { concurrency: '3' }, 'concurrency must be a whole number from 1, not "3"'],
    [QUEUE, { rate: 5 }, "rate must be an object of limit, period, burst, or 'none', not 5"],
    [QUEUE, { rate: { limit: 1, perMs: 1 } }, 'rate has no "perMs"'],
    [
      QUEUE,
      { rate: { limit: 1 } },
      `rate.period must be a whole number from 1 to ${TEN_YEARS}, not of type undefined`,
    ],
    ...[0, Number.NaN, 0.5, Infinity, TEN_YEARS + 1].map(
      (period): [LimitScope, unknown, string] => [
        QUEUE,
        { rate: { limit: 1, period } },
        `rate.period must be a whole number from 1 to ${TEN_YEARS}, not ${period}`,
      ],
    ),
    ...[0, 1_001, 0.5].map((limit): [LimitScope, unknown, string] => [
      QUEUE,
      { rate: { limit, period: 1 } },
      `rate.limit must be a whole number from 1 to rate.period · 1000, not ${limit}`,
    ]),
    ...[0, 1_000_001, 1.5].map((burst): [LimitScope, unknown, string] => [
      QUEUE,
      { rate: { limit: 1, period: 1, burst } },
      `rate.burst must be a whole number from 1 to 1000000, not ${burst}`,
    ]),
    [
      QUEUE,
      { rate: { limit: 1, period: TEN_YEARS, burst: 2 } },
      `rate.burst · rate.period / rate.limit must be at most ${TEN_YEARS} ms`,
    ],
    [TENANT, { backlog: -1 }, 'backlog must be a whole number from 0, not -1'],
    [TENANT, { backlog: 0.5 }, 'backlog must be a whole number from 0, not 0.5'],
    [QUEUE, { backlog: 5 }, 'backlog is a limit of tenants, not of queue default'],
    [KEY, { backlog: 5 }, 'backlog is a limit of tenants, not of key "order-1" of tenant acme in'],
    [QUEUE, { breaker: 'none' }, 'breaker is a limit of limiters, not of queue default'],
    [
      EACH,
      { breaker: null },
      'breaker is a limit of limiters, not of each tenant in queue default',
    ],
    [LIMITER, { breaker: true }, "breaker must be an object of failures, cooldown, or 'none', not"],
    [
      LIMITER,
      { breaker: { failures: 0, cooldown: 1 } },
      'breaker.failures must be a whole number from 1 to 1000000, not 0',
    ],
    ...[0, Number.NaN, TEN_YEARS + 1].map((cooldown): [LimitScope, unknown, string] => [
      LIMITER,
      { breaker: { failures: 1, cooldown } },
      `breaker.cooldown must be milliseconds from 1 to ${TEN_YEARS}, not ${cooldown}`,
    ]),
  ])('of %j, %j: %s', (scope, limits, says) => {
    expect(() => check(scope, limits)).toThrow(
      expect.objectContaining({
        code: 'JOBS_INVALID_LIMIT',
        message: expect.stringContaining(says) as string,
      }),
    )
  })
})
