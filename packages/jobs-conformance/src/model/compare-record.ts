import type { JobRecord } from '@cgk/jobs-core'
import { expect } from 'vitest'
import type { ModelJob } from './model-job.ts'

/** Who shows a record: only some calls fill in what may be long. */
type ShownBy = 'get' | 'claim' | 'other'

/**
 * Checks that a record shows what the model knows of a job.
 *
 * @param what - names the record in the message of a failure.
 */
export function compareRecord(
  record: JobRecord,
  job: ModelJob,
  now: number,
  what: string,
  by: ShownBy,
): void {
  learnLostLease(record, job)
  const expected = expectedRecord(record, job, by)
  // Most records are as they should be, and `expect` takes long to say so.
  if (!agrees(record, expected)) expect(shown(record, expected), what).toEqual(expected)
  // A report may count as an update or not; a change of state always does.
  if (record.updatedAt < job.changedAt || record.updatedAt > now) {
    throw new Error(
      `updatedAt of ${what}, ${record.updatedAt}, is not from ${job.changedAt} to ${now}`,
    )
  }
}

function expectedRecord(record: JobRecord, job: ModelJob, by: ShownBy): JobRecord {
  const { input } = job
  // A job that is not waiting for it says nothing of its next start.
  const waits = job.state === 'pending' && !job.suspect
  const showsEffects = by !== 'other' && Object.keys(job.effects).length > 0
  return {
    ...job.ref,
    name: input.name,
    payload: input.payload,
    metadata: input.metadata ?? null,
    priority: input.priority,
    state: job.state,
    createdAt: job.createdAt,
    updatedAt: record.updatedAt,
    runAt: waits ? job.runAt : record.runAt,
    startedAt: job.startedAt === undefined ? record.startedAt : job.startedAt,
    endedAt: job.endedAt,
    attempts: job.attempts,
    releases: job.releases,
    lostLeases: job.lostLeases,
    generation: job.generation,
    maxAttempts: input.maxAttempts ?? null,
    retryDelayMs: input.retryDelayMs ?? null,
    timeoutMs: input.timeoutMs ?? null,
    result: job.result,
    error: job.error,
    progress: job.progress,
    log: by === 'get' ? job.log : [],
    headers: job.headers,
    keys: keysOf(job),
    limiter: job.input.limiter ?? null,
    group: job.group,
    schedule: input.schedule ?? null,
    worker: job.worker,
    failures: by === 'get' ? job.failures : [],
    effects: showsEffects ? job.effects : null,
  }
}

function keysOf({ input }: ModelJob): JobRecord['keys'] {
  const { unique, orderingKey, concurrencyKey, concurrencyLimit } = input
  if (unique === undefined && orderingKey === undefined && concurrencyKey === undefined) return null
  return {
    unique: unique?.key ?? null,
    ordering: orderingKey ?? null,
    concurrency: concurrencyKey ?? null,
    concurrencyLimit: concurrencyLimit ?? null,
  }
}

/** The part of the record that is compared: a claim's has its token beside. */
function shown(record: JobRecord, expected: JobRecord): Partial<JobRecord> {
  const keys = Object.keys(expected) as (keyof JobRecord)[]
  return Object.fromEntries(keys.map((key) => [key, record[key]]))
}

/** Whether the two are equal. An answer of `false` may be wrong, where texts differ in their order. */
function agrees(record: JobRecord, expected: JobRecord): boolean {
  const keys = Object.keys(expected) as (keyof JobRecord)[]
  return keys.every((key) => {
    const [is, should] = [record[key], expected[key]]
    return typeof should === 'object' && should !== null
      ? JSON.stringify(is) === JSON.stringify(should)
      : is === should
  })
}

/** Whether freeing a cancelled job counts a lost lease is open: the first record after it tells. */
function learnLostLease(record: JobRecord, job: ModelJob): void {
  if (!job.mayCountLostLease || record.lostLeases !== job.lostLeases + 1) return
  job.lostLeases += 1
  if (record.attempts === job.attempts - 1) job.attempts -= 1
  job.mayCountLostLease = false
}
