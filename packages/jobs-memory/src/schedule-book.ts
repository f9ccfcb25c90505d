import {
  idConflict,
  JobsError,
  type AdvanceResult,
  type EnqueueResult,
  type ScheduleAdvance,
  type ScheduleFire,
  type SchedulePut,
  type ScheduleRecord,
  type ScheduleRef,
} from '@cgk/jobs-core'
import type { Enqueuer } from './enqueuer.ts'
import type { Job } from './job.ts'
import { ScheduleRow } from './schedule-row.ts'
import { SortedQueue } from './sorted-queue.ts'
import type { Standing } from './standing.ts'

interface QueueSchedules {
  readonly rows: Map<string, ScheduleRow>
  /** What has a tick to come and is not paused. */
  readonly upcoming: SortedQueue<ScheduleRow>
}

/** The schedules of a store. */
export class ScheduleBook {
  readonly #queues = new Map<string, QueueSchedules>()

  get({ queue, tenantId, id }: ScheduleRef): ScheduleRow | undefined {
    return this.#queues.get(queue)?.rows.get(keyOf(tenantId, id))
  }

  /** Stores a schedule over what its author saw; whether that was what is there. */
  put(put: SchedulePut, now: number): boolean {
    const { queue, tenantId, id, expected } = put
    let row = this.get(put)
    if (row === undefined) {
      if (expected !== null) return false
      row = new ScheduleRow(put, now)
      this.#queueOf(queue).rows.set(keyOf(tenantId, id), row)
    } else {
      if (expected === null || !row.is(expected) || row.paused !== expected.paused) return false
      row.change(put, now)
    }
    this.#place(row)
    return true
  }

  remove(ref: ScheduleRef): boolean {
    const row = this.get(ref)
    if (row === undefined) return false
    row.home?.remove(row)
    return this.#queues.get(ref.queue)!.rows.delete(keyOf(ref.tenantId, ref.id))
  }

  list(request: {
    readonly queue: string
    readonly tenantId?: string | null
    readonly limit: number
    readonly cursor?: string
  }): { readonly schedules: readonly ScheduleRecord[]; readonly nextCursor: string | null } {
    const { queue, tenantId, limit, cursor } = request
    const after = cursor === undefined ? '' : readCursor(cursor)
    const found = [...(this.#queues.get(queue)?.rows ?? [])]
      .filter(([key, row]) => key > after && (tenantId === undefined || row.tenantId === tenantId))
      .toSorted(([a], [b]) => (a < b ? -1 : 1))
    const page = found.slice(0, limit)
    return {
      schedules: page.map(([, row]) => row.toRecord()),
      nextCursor: found.length > page.length ? page.at(-1)![0] : null,
    }
  }

  due(
    queues: readonly string[],
    limit: number,
    now: number,
  ): { readonly schedules: readonly ScheduleRecord[]; readonly nextInMs: number | null } {
    const due: ScheduleRow[] = []
    let nextAt = Infinity
    for (const name of new Set(queues)) {
      const upcoming = this.#queues.get(name)?.upcoming
      if (upcoming === undefined) continue
      const taken = takeDue(upcoming, limit, now)
      nextAt = Math.min(nextAt, upcoming.peek()?.nextAt ?? Infinity)
      for (const row of taken) upcoming.push(row)
      due.push(...taken)
    }
    due.sort((a, b) => a.nextAt! - b.nextAt!)
    nextAt = Math.min(nextAt, due[limit]?.nextAt ?? Infinity)
    return {
      schedules: due.slice(0, limit).map((row) => row.toRecord()),
      nextInMs: nextAt === Infinity ? null : Math.max(0, nextAt - now),
    }
  }

  advance(
    advances: readonly ScheduleAdvance[],
    enqueuer: Enqueuer,
    now: number,
  ): readonly AdvanceResult[] {
    for (const advance of advances) {
      if (this.#current(advance) === undefined) continue
      const jobs = advance.ticks.flatMap((tick) => tick.jobs)
      const conflict = enqueuer.findConflict(jobs)
      if (conflict !== null) throw idConflict(jobs, conflict.index, conflict.holderName)
    }
    return advances.map((advance) => {
      const row = this.#current(advance)
      if (row === undefined) return { status: 'stale' }
      const jobs: EnqueueResult[] = []
      for (const tick of advance.ticks) {
        const results = enqueuer.enqueue(tick.jobs, now)
        row.lastFire = fireOf(tick.tickAt, results, now)
        jobs.push(...results)
      }
      row.nextAt = advance.nextAt
      this.#place(row)
      return { status: 'advanced', jobs }
    })
  }

  /** A job that a schedule made has ended. */
  ended({ lane, id, extras: { schedule } }: Job, standing: Standing, now: number): void {
    const { rows } = this.#queueOf(lane.queue.name)
    const { tenantId, id: scheduleId, createdAt, tickAt } = schedule!
    const row = rows.get(keyOf(tenantId, scheduleId))
    if (row === undefined || row.createdAt !== createdAt) return
    row.lastEnd = {
      jobId: id,
      tenantId: lane.tenantId,
      tickAt,
      state: standing.state as 'completed' | 'failed' | 'cancelled',
      endedAt: now,
    }
  }

  clear(): void {
    this.#queues.clear()
  }

  /** The schedule, if it still is what the author of the advance saw. */
  #current(advance: ScheduleAdvance): ScheduleRow | undefined {
    const row = this.get(advance)
    return row === undefined || row.paused || !row.is(advance.expected) ? undefined : row
  }

  #queueOf(name: string): QueueSchedules {
    let queue = this.#queues.get(name)
    if (queue === undefined) {
      queue = { rows: new Map(), upcoming: new SortedQueue((a, b) => a.nextAt! - b.nextAt!) }
      this.#queues.set(name, queue)
    }
    return queue
  }

  /** A row whose cursor or pause changed goes where it belongs. */
  #place(row: ScheduleRow): void {
    row.home?.remove(row)
    if (!row.paused && row.nextAt !== null) this.#queueOf(row.queue).upcoming.push(row)
  }
}

/** Sorts as rows are listed: without a tenant first, then by tenant and id. */
function keyOf(tenantId: string | null, id: string): string {
  return `${tenantId ?? ''} ${id}`
}

function readCursor(cursor: string): string {
  if (cursor.includes(' ')) return cursor
  throw new JobsError('JOBS_INVALID_OPTION', 'the cursor is not one that this store handed out')
}

function takeDue(
  upcoming: SortedQueue<ScheduleRow>,
  limit: number,
  now: number,
): readonly ScheduleRow[] {
  const taken: ScheduleRow[] = []
  while (taken.length < limit) {
    const row = upcoming.peek()
    if (row === undefined || row.nextAt! > now) break
    upcoming.remove(row)
    taken.push(row)
  }
  return taken
}

function fireOf(tickAt: number, results: readonly EnqueueResult[], now: number): ScheduleFire {
  const made = results.filter(({ status }) => status !== 'existing')
  const [first] = made
  const jobId = first === undefined ? null : first.status === 'enqueued' ? first.id : first.job.id
  return { tickAt, firedAt: now, jobs: made.length, jobId }
}
