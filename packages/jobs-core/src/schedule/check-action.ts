import type { AnyJobDefinition } from '../job/define-job.ts'
import { describe } from '../job/names.ts'
import { invalidSchedule } from './check-times.ts'
import type { CatchUp, StoredAction } from './stored-spec.ts'

const KNOWN = new Set([
  'job',
  'payload',
  'options',
  'cron',
  'every',
  'timezone',
  'startAt',
  'endAt',
  'catchUp',
  'catchUpLimit',
  'overlap',
  'forEach',
])

const CATCH_UPS: readonly unknown[] = ['once', 'skip', 'all'] satisfies CatchUp[]
const MAX_CATCH_UP = 10_000
const DEFAULT_CATCH_UP = 100

/**
 * Checks what a schedule is to do, but for what its jobs' own checks find.
 *
 * @throws {@link JobsError} `JOBS_INVALID_SCHEDULE`
 */
export function checkAction(spec: unknown): StoredAction {
  if (typeof spec !== 'object' || spec === null) {
    throw invalidSchedule('a schedule needs an object that says what is to run, and when')
  }
  for (const name of Object.keys(spec)) {
    if (!KNOWN.has(name)) throw invalidSchedule(`schedules have no ${describe(name)}`)
  }
  const {
    job,
    payload,
    options = {},
    catchUp = 'once',
    catchUpLimit = DEFAULT_CATCH_UP,
    overlap = 'allow',
    forEach,
  } = spec as Readonly<Record<string, unknown>>
  if (!CATCH_UPS.includes(catchUp)) {
    throw invalidSchedule(`catchUp must be 'once', 'skip' or 'all', not ${describe(catchUp)}`)
  }
  if (
    !Number.isSafeInteger(catchUpLimit) ||
    (catchUpLimit as number) < 1 ||
    (catchUpLimit as number) > MAX_CATCH_UP
  ) {
    throw invalidSchedule(`catchUpLimit must be a whole number from 1 to ${MAX_CATCH_UP}`)
  }
  if (overlap !== 'allow' && overlap !== 'skip') {
    throw invalidSchedule(`overlap must be 'allow' or 'skip', not ${describe(overlap)}`)
  }
  if (overlap === 'skip' && catchUp === 'all') {
    throw invalidSchedule(
      "catchUp: 'all' and overlap: 'skip' exclude each other: the first of the missed ticks would keep out the others. For one run after the other, give options an orderingKey",
    )
  }
  if (forEach !== undefined && forEach !== 'tenant') {
    throw invalidSchedule(`forEach must be 'tenant', not ${describe(forEach)}`)
  }
  if (typeof options !== 'object' || options === null) {
    throw invalidSchedule(`options must be an object, not ${describe(options)}`)
  }
  checkOptions(options, overlap, forEach)
  const { tenantId: _, ...kept } = options as { readonly tenantId?: unknown }
  return {
    job: nameOf(job),
    payload,
    options: kept,
    catchUp: catchUp as CatchUp,
    catchUpLimit: catchUpLimit as number,
    overlap,
    ...(forEach !== undefined && { forEach }),
  }
}

function checkOptions(options: object, overlap: string, forEach: string | undefined): void {
  const given = options as Readonly<Record<string, unknown>>
  for (const option of ['jobId', 'scheduledAt']) {
    if (given[option] !== undefined) {
      throw invalidSchedule(
        `a schedule's jobs cannot have the option ${option}: each tick makes one`,
      )
    }
  }
  if (overlap === 'skip' && given['uniqueKey'] !== undefined) {
    throw invalidSchedule("overlap: 'skip' sets a unique key itself: leave out uniqueKey")
  }
  if (forEach !== undefined && given['tenantId'] !== undefined) {
    throw invalidSchedule("forEach: 'tenant' says the tenants itself: leave out tenantId")
  }
}

// Whether it is a name, the check of the job finds.
function nameOf(job: unknown): string {
  return typeof job === 'object' && job !== null ? (job as AnyJobDefinition).name : (job as string)
}
