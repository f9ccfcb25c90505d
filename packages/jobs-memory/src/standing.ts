import type { JobCounts, JobState, JobStatus } from '@cgk/jobs-core'

/** How a job stands: the status it is counted under and the state its record shows. */
export interface Standing {
  readonly status: JobStatus
  readonly state: JobState
  /** Its place in a {@link Tally}. */
  readonly index: number
}

export const PENDING: Standing = { status: 'pending', state: 'pending', index: 0 }
export const SCHEDULED: Standing = { status: 'scheduled', state: 'pending', index: 1 }
export const RETRYING: Standing = { status: 'retrying', state: 'pending', index: 2 }
export const RUNNING: Standing = { status: 'running', state: 'running', index: 3 }
export const COMPLETED: Standing = { status: 'completed', state: 'completed', index: 4 }
export const FAILED: Standing = { status: 'failed', state: 'failed', index: 5 }
export const CANCELLED: Standing = { status: 'cancelled', state: 'cancelled', index: 6 }

/** All of them, each at its index. */
export const STANDINGS: readonly Standing[] = [
  PENDING,
  SCHEDULED,
  RETRYING,
  RUNNING,
  COMPLETED,
  FAILED,
  CANCELLED,
]

/** How many jobs have each standing, by its index. */
export type Tally = number[]

/** A tally of nothing. */
export function emptyTally(): Tally {
  return STANDINGS.map(() => 0)
}

/** A tally as the port reports it. */
export function toCounts(tally: Readonly<Tally>): JobCounts {
  return Object.fromEntries(
    STANDINGS.map(({ status, index }) => [status, tally[index] ?? 0]),
  ) as Record<JobStatus, number>
}
