import type { GroupRecord, NewGroup, NewJob } from '@cgk/jobs-core'
import type { Job } from './job.ts'
import type { Lane } from './lane.ts'
import { COMPLETED, FAILED, type Standing } from './standing.ts'

/** A group as this store keeps it. */
export class Group {
  readonly id: string
  readonly lane: Lane
  readonly parent: Group | null
  readonly onComplete: NewJob | null
  readonly onAnyFailed: NewJob | null
  readonly createdAt: number
  /** The members that are retained. */
  readonly members: Set<Job> = new Set()
  /** How many groups nested in it are retained. */
  nested = 0
  total = 0
  completed = 0
  failed = 0
  cancelled = 0
  endedAt: number | null = null
  /** The job made at its end, while that is retained. */
  callback: Job | null = null
  callbackId: string | null = null
  /** It has ended, and its callback too. */
  isOver = false

  constructor(input: NewGroup, lane: Lane, parent: Group | null, now: number) {
    this.id = input.id
    this.lane = lane
    this.parent = parent
    this.onComplete = input.onComplete
    this.onAnyFailed = input.onAnyFailed
    this.createdAt = now
  }

  /** Counts a member that ended so, or with −1 takes it out of the count. */
  count(standing: Standing, by: 1 | -1): void {
    if (standing === COMPLETED) this.completed += by
    else if (standing === FAILED) this.failed += by
    else this.cancelled += by
  }

  get hasAllEnded(): boolean {
    return this.completed + this.failed + this.cancelled === this.total
  }

  get allCompleted(): boolean {
    return this.completed === this.total
  }

  get isRetained(): boolean {
    return !this.isOver || this.members.size > 0 || this.callback !== null || this.nested > 0
  }

  toRecord(): GroupRecord {
    return {
      queue: this.lane.queue.name,
      tenantId: this.lane.tenantId,
      id: this.id,
      parentId: this.parent?.id ?? null,
      total: this.total,
      completed: this.completed,
      failed: this.failed,
      cancelled: this.cancelled,
      createdAt: this.createdAt,
      endedAt: this.endedAt,
      callbackId: this.callbackId,
    }
  }
}
