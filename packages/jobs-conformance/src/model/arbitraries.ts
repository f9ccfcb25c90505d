import type {
  ClaimRequest,
  JobFilter,
  JobStatus,
  NewJob,
  StoreCapabilities,
  UniqueKey,
} from '@cgk/jobs-core'
import fc, { type Arbitrary } from 'fast-check'

/** Few of everything, so that runs collide: same ids, same tenants, same instants. */
export const QUEUES: readonly string[] = ['orders', 'mails']
export const TENANTS: readonly (string | null)[] = ['acme', 'globex', null]
const WORKERS: readonly string[] = ['worker-1', 'worker-2', 'worker-3']
const NAMES: readonly string[] = ['send', 'sync']
const JOB_IDS: readonly string[] = ['id-1', 'id-2', 'id-3']
export const SCHEDULE_IDS: readonly string[] = ['hourly', 'daily']
export const GROUP_IDS: readonly string[] = ['group-1', 'group-2']
export const KEYS: readonly string[] = ['key-1', 'key-2']
const TEXTS: readonly string[] = ['{"b":1,"a":1.0}', '"🚀"', 'null']

const payload: Arbitrary<string> = fc.oneof(
  { arbitrary: fc.constant('null'), weight: 3 },
  { arbitrary: fc.constantFrom(...TEXTS), weight: 1 },
)
/** Tells a job from all others of a run. */
const mark: Arbitrary<string> = fc.stringMatching(/^"[0-9a-f]{8}"$/)

// Time moves by multiples of ten and bounds end in five, so that no lease and no retention is ever
// looked at in the very millisecond it ends in: the contract does not say what holds then.
const DELAYS_MS: readonly number[] = [0, 0, 0, 10, 10, 500, 4_000, 2 ** 31 + 10]
const LEASES_MS: readonly number[] = [1_005, 1_005, 5_005, 30_005]
const ADVANCES_MS: readonly number[] = [10, 500, 1_000, 4_000, 10_000, 40_000, 2 ** 31]

export const queue: Arbitrary<string> = fc.oneof(
  { arbitrary: fc.constant('orders'), weight: 9 },
  { arbitrary: fc.constant('mails'), weight: 1 },
)
export const tenantId: Arbitrary<string | null> = fc.oneof(
  { arbitrary: fc.constant('acme'), weight: 4 },
  { arbitrary: fc.constantFrom(...TENANTS), weight: 2 },
)
export const worker: Arbitrary<string> = fc.constantFrom(...WORKERS)
export const handle: Arbitrary<number> = fc.nat({ max: 1 })
export const delayMs: Arbitrary<number> = fc.constantFrom(...DELAYS_MS)
export const leaseMs: Arbitrary<number> = fc.constantFrom(...LEASES_MS)
export const advanceMs: Arbitrary<number> = fc.oneof(
  { arbitrary: fc.constantFrom(...ADVANCES_MS.slice(0, -2)), weight: 12 },
  { arbitrary: fc.constantFrom(...ADVANCES_MS.slice(-2)), weight: 1 },
)
export const seldom: Arbitrary<boolean> = fc.nat({ max: 3 }).map((drawn) => drawn === 3)
export const rarely: Arbitrary<boolean> = fc.nat({ max: 19 }).map((drawn) => drawn === 19)
/** Picks from a list that is known only when the command runs: see `pick`. */
export const choice: Arbitrary<number> = fc.nat({ max: 99 })

/** A job as drawn: its `runAt` relative to the instant at which it will be enqueued. */
export interface DrawnJob extends Omit<NewJob, 'runAt'> {
  readonly runInMs?: number
}

const jobOptions = fc.record(
  {
    metadata: fc.constantFrom(...TEXTS),
    headers: fc.constantFrom('{}', '{"trace":"1"}'),
    maxAttempts: fc.integer({ min: 1, max: 5 }),
    retryDelayMs: fc.constant(100),
    timeoutMs: fc.constant(1_000),
  },
  { requiredKeys: [] },
)

const jobId: Arbitrary<Pick<DrawnJob, 'jobId'>> = fc.oneof(
  { arbitrary: fc.constant({}), weight: 1 },
  { arbitrary: fc.record({ jobId: fc.constantFrom(...JOB_IDS) }), weight: 1 },
)

const when: Arbitrary<Pick<DrawnJob, 'delayMs' | 'runInMs'>> = fc.oneof(
  { arbitrary: fc.constant({}), weight: 4 },
  { arbitrary: fc.record({ delayMs }), weight: 2 },
  { arbitrary: fc.record({ runInMs: fc.constantFrom(-60_000, 0, 500, 4_000) }), weight: 1 },
)

const priority = fc.oneof(
  { arbitrary: fc.constant(0), weight: 3 },
  { arbitrary: fc.constantFrom(-5, 1, 7), weight: 2 },
)

const unique: Arbitrary<UniqueKey> = fc.oneof(
  fc.record(
    {
      key: fc.constantFrom(...KEYS),
      ifTaken: fc.constant('keep' as const),
      windowMs: fc.constantFrom(505, 4_005, 30_005),
    },
    { requiredKeys: ['key', 'ifTaken'] },
  ),
  fc.record({ key: fc.constantFrom(...KEYS), ifTaken: fc.constant('replace' as const) }),
  fc.record(
    {
      key: fc.constantFrom(...KEYS),
      ifTaken: fc.constant('debounce' as const),
      maxWaitMs: fc.constantFrom(5, 500, 4_000),
    },
    { requiredKeys: ['key', 'ifTaken'] },
  ),
)

/** One more often than the other: a breaker needs many attempts to show what it does. */
export const limiterName: Arbitrary<string> = fc.constantFrom('api-1', 'api-1', 'api-1', 'api-2')

/** The limiter that some jobs name, where the store has limiters. */
function limiter(able: StoreCapabilities): Arbitrary<Pick<DrawnJob, 'limiter'>> {
  if (!able.limits) return fc.constant({})
  return fc.oneof(
    { arbitrary: fc.constant({}), weight: 3 },
    { arbitrary: fc.record({ limiter: limiterName }), weight: 2 },
  )
}

/** The keys a store knows, and jobs without any: drawn for jobs that may have them. */
function keys(able: StoreCapabilities): Arbitrary<Partial<DrawnJob>> {
  const key = fc.constantFrom(...KEYS)
  const concurrency = fc.record({
    concurrencyKey: key,
    concurrencyLimit: fc.integer({ min: 1, max: 2 }),
  })
  const ruling: Arbitrary<Partial<DrawnJob>>[] = [fc.constant({})]
  if (able.orderingKeys) ruling.push(fc.record({ orderingKey: key }))
  if (able.concurrencyKeys) ruling.push(concurrency)
  const named: Arbitrary<Partial<DrawnJob>>[] = [fc.constant({})]
  if (able.uniqueKeys) named.push(fc.record({ unique }))
  return fc.tuple(fc.oneof(...ruling), fc.oneof(...named)).map(([a, b]) => ({ ...a, ...b }))
}

/** What the port rules out: a key that may be taken over has no id, and debounce needs its window. */
function sound({ jobId: id, ...job }: DrawnJob): DrawnJob {
  const named = id === undefined ? job : { ...job, jobId: id }
  if (job.unique === undefined || job.unique.ifTaken === 'keep') return named
  if (job.unique.ifTaken === 'replace') return job
  const { runInMs: _, ...debounced } = job
  return { ...debounced, delayMs: job.delayMs ?? 500 }
}

/** A job of any queue and tenant. */
export function drawnJob(able: StoreCapabilities): Arbitrary<DrawnJob> {
  return fc
    .tuple(
      fc.record({
        queue,
        tenantId,
        name: fc.constantFrom(...NAMES),
        payload,
        priority,
      }),
      jobOptions,
      jobId,
      when,
      keys(able),
      limiter(able),
    )
    .map((parts) => sound(Object.assign({}, ...parts) as DrawnJob))
}

/** A job made at the end of another, of its queue and tenant; without an id its metadata tells it. */
export type DrawnFollowUp = Omit<DrawnJob, 'queue' | 'tenantId' | 'runInMs'>

export function drawnFollowUp(able: StoreCapabilities): Arbitrary<DrawnFollowUp> {
  return fc
    .tuple(
      fc.record({ name: fc.constantFrom(...NAMES), payload, priority, metadata: mark }),
      fc.oneof(
        { arbitrary: fc.record({ jobId: fc.constantFrom(...JOB_IDS) }), weight: 2 },
        { arbitrary: keys(able), weight: 1 },
      ),
      limiter(able),
    )
    .map((parts) => {
      const job = Object.assign({ queue: '', tenantId: null }, ...parts) as DrawnJob
      const { queue: _, tenantId: __, ...followUp } = sound(job)
      return followUp
    })
}

/** A member of a group, or what is made at its end. */
export function drawnMember(able: StoreCapabilities): Arbitrary<DrawnFollowUp> {
  const open = { ...able, uniqueKeys: false }
  return drawnFollowUp(open).map(withoutId)
}

/** A job of a schedule's tick: any, or, of one whose runs must not overlap, with a key to keep. */
export function drawnTickJob(able: StoreCapabilities): Arbitrary<DrawnFollowUp> {
  const job = drawnFollowUp(able).map(withoutId)
  if (!able.uniqueKeys) return job
  const keep = fc.constantFrom(...KEYS).map((key): UniqueKey => ({ key, ifTaken: 'keep' }))
  return fc.oneof(
    job,
    fc.tuple(job, keep).map(([each, kept]) => ({ ...each, unique: kept })),
  )
}

export function withoutId<T extends { readonly jobId?: string }>(job: T): Omit<T, 'jobId'> {
  const { jobId: _jobId, ...rest } = job
  return rest
}

export const claimRequest: Arbitrary<ClaimRequest> = fc.record({
  queue,
  slots: fc.oneof({ arbitrary: fc.integer({ min: 1, max: 4 }), weight: 6 }, fc.nat({ max: 30 })),
  prefetch: fc.oneof({ arbitrary: fc.constant(0), weight: 4 }, fc.nat({ max: 3 })),
  leaseMs,
  worker,
  suspects: fc.oneof({ arbitrary: fc.constant(false), weight: 3 }, fc.constant(true)),
})

const statuses: Arbitrary<JobStatus[]> = fc.uniqueArray(
  fc.constantFrom<JobStatus>(
    'pending',
    'scheduled',
    'retrying',
    'running',
    'completed',
    'failed',
    'cancelled',
  ),
  { minLength: 1, maxLength: 3 },
)

export function listFilter(
  able: StoreCapabilities,
): Arbitrary<JobFilter & { statuses?: JobStatus[] }> {
  const hasKeys = able.uniqueKeys || able.orderingKeys || able.concurrencyKeys
  return fc.record(
    {
      queue,
      tenantId,
      names: fc.constantFrom(['send'], ['sync', 'send'], ['other']),
      statuses,
      ...(hasKeys ? { keyPrefix: fc.constantFrom('key', 'key-1', 'ey') } : {}),
      ...(able.groups ? { groupId: fc.constantFrom(...GROUP_IDS) } : {}),
      ...(able.schedules ? { scheduleId: fc.constantFrom(...SCHEDULE_IDS) } : {}),
    },
    { requiredKeys: ['queue'] },
  )
}

/** The element a drawn number stands for; `undefined` from an empty list. */
export function pick<T>(items: readonly T[], drawn: number): T | undefined {
  return items.length === 0 ? undefined : items[drawn % items.length]
}
