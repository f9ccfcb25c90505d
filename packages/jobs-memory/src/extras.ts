import type {
  AttemptFailure,
  GroupLinks,
  JobKeys,
  JobRecord,
  NewJob,
  ScheduledTick,
} from '@cgk/jobs-core'

/**
 * What most jobs have none of, apart so that these hold one reference for all of it. Replaced, never
 * changed: jobs share {@link NO_EXTRAS}, and records what is in it.
 */
export type Extras = Readonly<
  Pick<
    JobRecord,
    | 'metadata'
    | 'maxAttempts'
    | 'retryDelayMs'
    | 'timeoutMs'
    | 'headers'
    | 'keys'
    | 'limiter'
    | 'group'
    | 'schedule'
    | 'failures'
    | 'effects'
  >
>

export const NO_FAILURES: readonly AttemptFailure[] = Object.freeze([])

const NO_EXTRAS: Extras = Object.freeze({
  metadata: null,
  maxAttempts: null,
  retryDelayMs: null,
  timeoutMs: null,
  headers: null,
  keys: null,
  limiter: null,
  group: null,
  schedule: null,
  failures: NO_FAILURES,
  effects: null,
})

/** The extras that a job is enqueued with. */
export function extrasOf(input: NewJob, group: GroupLinks | null): Extras {
  const { metadata, maxAttempts, retryDelayMs, timeoutMs, headers, schedule, limiter } = input
  const keys = keysOf(input)
  const hasNone =
    keys === null &&
    group === null &&
    metadata === undefined &&
    maxAttempts === undefined &&
    retryDelayMs === undefined &&
    timeoutMs === undefined &&
    headers === undefined &&
    limiter === undefined &&
    schedule === undefined
  if (hasNone) return NO_EXTRAS
  return {
    metadata: metadata ?? null,
    maxAttempts: maxAttempts ?? null,
    retryDelayMs: retryDelayMs ?? null,
    timeoutMs: timeoutMs ?? null,
    headers: headers ?? null,
    keys,
    limiter: limiter ?? null,
    group,
    schedule: scheduleOf(schedule),
    failures: NO_FAILURES,
    effects: null,
  }
}

function keysOf(input: NewJob): JobKeys | null {
  const { unique, orderingKey, concurrencyKey, concurrencyLimit } = input
  if (unique === undefined && orderingKey === undefined && concurrencyKey === undefined) return null
  return Object.freeze({
    unique: unique?.key ?? null,
    ordering: orderingKey ?? null,
    concurrency: concurrencyKey ?? null,
    concurrencyLimit: concurrencyLimit ?? null,
  })
}

function scheduleOf(schedule: ScheduledTick | undefined): ScheduledTick | null {
  return schedule === undefined ? null : Object.freeze({ ...schedule })
}
