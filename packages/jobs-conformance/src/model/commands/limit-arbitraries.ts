import {
  EACH_TENANT,
  type LimitChange,
  type LimitScope,
  type LimitSource,
  type StoreCapabilities,
} from '@cgk/jobs-core'
import fc, { type Arbitrary } from 'fast-check'
import * as draw from '../arbitraries.ts'

const tenant: Arbitrary<string | null> = fc.oneof(
  { arbitrary: draw.tenantId, weight: 4 },
  { arbitrary: fc.constant(EACH_TENANT), weight: 1 },
)
const ofQueue = fc.record({ queue: draw.queue })
const ofTenant = fc.record({ queue: draw.queue, tenantId: tenant })
const ofLimiter = fc.record({
  queue: draw.queue,
  tenantId: tenant,
  limiter: draw.limiterName,
})
const ofKey = fc.record({
  queue: draw.queue,
  tenantId: tenant,
  key: fc.constantFrom(...draw.KEYS),
})

/** Said before each run: attempts enough to trip a breaker of the usual size are seldom made. */
export const FIRST_LIMITS: readonly LimitChange[] = draw.QUEUES.map((queue) => ({
  scope: { queue, tenantId: EACH_TENANT, limiter: 'api-1' },
  source: 'directory',
  limits: { breaker: { failures: 1, cooldownMs: 500 } },
}))

const ofQueueOrTenant: Arbitrary<LimitScope> = fc.oneof(
  { arbitrary: fc.record({ queue: draw.queue, tenantId: draw.tenantId }), weight: 2 },
  { arbitrary: ofQueue, weight: 1 },
)

/** A scope of whichever kind. */
export const anyScope: Arbitrary<LimitScope> = fc.oneof(
  { arbitrary: ofQueueOrTenant, weight: 6 },
  { arbitrary: ofTenant, weight: 1 },
  { arbitrary: ofLimiter, weight: 2 },
  { arbitrary: ofKey, weight: 1 },
)

/** What every store can pause, and what those with limits can. */
export function pausable(able: StoreCapabilities): Arbitrary<LimitScope> {
  return able.limits ? anyScope : ofQueueOrTenant
}

/** A limit so small that it bites; often it is lifted, or runs would come to a standstill. */
function limit<T>(arbitrary: Arbitrary<T>): Arbitrary<T | 'none' | null> {
  return fc.oneof(
    { arbitrary, weight: 4 },
    { arbitrary: fc.constant('none' as const), weight: 1 },
    { arbitrary: fc.constant(null), weight: 3 },
  )
}

const everywhere = {
  concurrency: limit(fc.integer({ min: 1, max: 3 })),
  rate: limit(
    fc.record({
      limit: fc.integer({ min: 1, max: 3 }),
      periodMs: fc.constantFrom(20, 500, 4_000),
      burst: fc.integer({ min: 1, max: 3 }),
    }),
  ),
  paused: fc.constantFrom(true, false, false, null, null),
}
const ofTenants = {
  weight: fc.constantFrom(1, 2, 3, 5, null),
  backlog: limit(fc.integer({ min: 0, max: 8 })),
}
const ofLimiters = {
  breaker: limit(
    fc.record({
      failures: fc.constantFrom(1, 1, 2),
      cooldownMs: fc.constantFrom(500, 4_000),
    }),
  ),
}

function changeOf(
  scope: Arbitrary<LimitScope>,
  limits: Readonly<Record<string, Arbitrary<unknown>>>,
): Arbitrary<LimitChange> {
  return fc
    .record({
      scope,
      source: fc.constantFrom<LimitSource>('operator', 'directory'),
      limits: fc.record(limits, { requiredKeys: [] }),
    })
    .map((change) => {
      const sound = Object.entries(change.limits).filter(([name]) => isSound(name, change))
      return { ...change, limits: Object.fromEntries(sound) as LimitChange['limits'] }
    })
}

/** Operators pause by another call, and jobs without a tenant have no weight. */
function isSound(name: string, { scope, source }: Omit<LimitChange, 'limits'>): boolean {
  if (name === 'paused') return source === 'directory'
  return name !== 'weight' || (scope.tenantId !== null && scope.tenantId !== EACH_TENANT)
}

export const limitChanges: Arbitrary<LimitChange[]> = fc.array(
  fc.oneof(
    { arbitrary: changeOf(ofQueue, everywhere), weight: 1 },
    { arbitrary: changeOf(ofTenant, { ...everywhere, ...ofTenants }), weight: 3 },
    { arbitrary: changeOf(ofLimiter, { ...everywhere, ...ofLimiters }), weight: 2 },
    { arbitrary: changeOf(ofKey, everywhere), weight: 1 },
  ),
  { minLength: 1, maxLength: 3 },
)
