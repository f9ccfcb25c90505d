import type {
  JobControls,
  LimitChange,
  LimitScope,
  LimitSource,
  LimitState,
  NewJob,
} from '@cgk/jobs-core'
import { only, QUEUE, TENANT } from './new-job.ts'
import { caseNeeding, type storeCase } from './store-case.ts'

/** The limiter and the key that cases use where only one matters. */
export const LIMITER = 'shop-api'
export const LIMITED_KEY = 'shop-1'

export const OF_QUEUE: LimitScope = { queue: QUEUE }

export function ofTenant(tenantId: string | null = TENANT): LimitScope {
  return { queue: QUEUE, tenantId }
}

export function ofLimiter(tenantId: string | null = TENANT, limiter: string = LIMITER): LimitScope {
  return { queue: QUEUE, tenantId, limiter }
}

export function ofKey(tenantId: string | null = TENANT, key: string = LIMITED_KEY): LimitScope {
  return { queue: QUEUE, tenantId, key }
}

/** A scope of each kind; it governs a job of {@link TENANT} with `given`. */
export const KINDS: readonly {
  readonly kind: string
  readonly scope: LimitScope
  readonly given: Partial<NewJob>
  readonly kindCase: typeof storeCase
}[] = [
  { kind: 'queue', scope: OF_QUEUE, given: {}, kindCase: caseNeeding('limits') },
  { kind: 'tenant', scope: ofTenant(), given: {}, kindCase: caseNeeding('limits') },
  {
    kind: 'limiter',
    scope: ofLimiter(),
    given: { limiter: LIMITER },
    kindCase: caseNeeding('limits'),
  },
  {
    kind: 'key',
    scope: ofKey(),
    given: { concurrencyKey: LIMITED_KEY, concurrencyLimit: 1_000 },
    kindCase: caseNeeding('limits', 'concurrencyKeys'),
  },
]

/** Says something about one scope, as an operator does unless told otherwise. */
export async function sayLimits(
  store: JobControls,
  scope: LimitScope,
  limits: LimitChange['limits'],
  source: LimitSource = 'operator',
): Promise<void> {
  await store.setLimits([{ scope, source, limits }])
}

/** How one scope stands. */
export async function limitsOf(store: JobControls, scope: LimitScope): Promise<LimitState> {
  return only(await store.getLimits([scope]))
}
