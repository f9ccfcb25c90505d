import { JobsError, type EndState } from '@cgk/jobs-core'
import type { Job } from './job.ts'
import { SortedQueue } from './sorted-queue.ts'
import { CANCELLED, COMPLETED, FAILED, type Standing } from './standing.ts'

/** How long ended jobs are kept; whichever bound is reached first applies. */
export interface Retention {
  /** Milliseconds since the end; `Infinity` for no bound. Applied by `maintain`. */
  readonly maxAgeMs?: number
  /** Jobs per queue; `Infinity` for no bound. Applied as soon as a job ends. */
  readonly maxCount?: number
}

/** The {@link Retention} of each way to end. */
export type HistoryOptions = { readonly [State in EndState]?: Retention }

const HOUR_MS = 3_600_000

const DEFAULTS: { readonly [State in EndState]: Required<Retention> } = {
  completed: { maxAgeMs: HOUR_MS, maxCount: 10_000 },
  failed: { maxAgeMs: 7 * 24 * HOUR_MS, maxCount: 10_000 },
  cancelled: { maxAgeMs: 7 * 24 * HOUR_MS, maxCount: 10_000 },
}

interface Shelf extends Required<Retention> {
  readonly jobs: SortedQueue<Job>
}

/** The ended jobs of one queue that no worker holds. */
export class History {
  readonly #shelves: ReadonlyMap<Standing, Shelf>

  /** @throws {@link JobsError} `JOBS_INVALID_CONFIG` */
  constructor(options: HistoryOptions) {
    this.#shelves = new Map([
      [COMPLETED, makeShelf('completed', options)],
      [FAILED, makeShelf('failed', options)],
      [CANCELLED, makeShelf('cancelled', options)],
    ])
  }

  /** Keeps a job, and answers with the one that is too many for it, which may be the same. */
  add(job: Job): Job | undefined {
    const { jobs, maxCount } = this.#shelves.get(job.standing)!
    jobs.push(job)
    return jobs.size > maxCount ? jobs.pop() : undefined
  }

  /** Gives up a job that is past its age. */
  takeExpired(now: number): Job | undefined {
    for (const shelf of this.#shelves.values()) {
      if (nextExpiryOf(shelf) <= now) return shelf.jobs.pop()
    }
    return undefined
  }

  /** The instant at which a job will be past its age; `Infinity` for never. */
  nextExpiryAt(): number {
    let next = Infinity
    for (const shelf of this.#shelves.values()) next = Math.min(next, nextExpiryOf(shelf))
    return next
  }
}

function nextExpiryOf({ jobs, maxAgeMs }: Shelf): number {
  const endedAt = jobs.peek()?.endedAt
  return endedAt == null ? Infinity : endedAt + maxAgeMs
}

function makeShelf(state: EndState, options: HistoryOptions): Shelf {
  const { maxAgeMs, maxCount } = { ...DEFAULTS[state], ...options[state] }
  for (const [name, value] of Object.entries<unknown>({ maxAgeMs, maxCount })) {
    if (typeof value !== 'number' || !(value >= 0)) {
      throw new JobsError(
        'JOBS_INVALID_CONFIG',
        `history.${state}.${name} must be a number from 0, not ${String(value)}`,
      )
    }
  }
  return { maxAgeMs, maxCount, jobs: new SortedQueue((a, b) => a.endedAt! - b.endedAt!) }
}
