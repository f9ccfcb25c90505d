import type { ScheduleEnd, ScheduleFire, SchedulePut, ScheduleRecord } from '@cgk/jobs-core'
import type { QueueItem, SortedQueue } from './sorted-queue.ts'

/** One schedule. */
export class ScheduleRow implements QueueItem<ScheduleRow> {
  readonly queue: string
  readonly tenantId: string | null
  readonly id: string
  readonly createdAt: number
  spec: string
  revision = 1
  paused: boolean
  nextAt: number | null
  updatedAt: number
  lastFire: ScheduleFire | null = null
  lastEnd: ScheduleEnd | null = null
  home: SortedQueue<ScheduleRow> | null = null
  heapIndex = -1
  previous: ScheduleRow | null = null
  next: ScheduleRow | null = null

  constructor({ queue, tenantId, id, spec, paused, nextAt }: SchedulePut, now: number) {
    this.queue = queue
    this.tenantId = tenantId
    this.id = id
    this.spec = spec
    this.paused = paused
    this.nextAt = nextAt
    this.createdAt = now
    this.updatedAt = now
  }

  /** Whether it is the schedule that somebody saw, its revision and cursor those of then. */
  is(seen: Pick<ScheduleRecord, 'createdAt' | 'revision' | 'nextAt'>): boolean {
    const { createdAt, revision, nextAt } = seen
    return this.createdAt === createdAt && this.revision === revision && this.nextAt === nextAt
  }

  change({ spec, paused, nextAt }: SchedulePut, now: number): void {
    if (spec !== this.spec) this.revision++
    this.spec = spec
    this.paused = paused
    this.nextAt = nextAt
    this.updatedAt = now
  }

  toRecord(): ScheduleRecord {
    const { queue, tenantId, id, spec, revision, paused, nextAt } = this
    const { createdAt, updatedAt, lastFire, lastEnd } = this
    return {
      queue,
      tenantId,
      id,
      spec,
      revision,
      paused,
      nextAt,
      createdAt,
      updatedAt,
      lastFire,
      lastEnd,
    }
  }
}
