import type { LimitState } from '@cgk/jobs-core'
import { Allowance, type AllowanceOwner } from './allowance.ts'
import type { Job } from './job.ts'
import { byPriorityThenAdmission, type Lane } from './lane.ts'
import { SortedQueue } from './sorted-queue.ts'

/** The jobs of one lane that a limiter or a key governs and that may be claimed but for the limiter. */
export class Bucket implements AllowanceOwner {
  readonly lane: Lane
  /** `null` for jobs with a key and without a limiter. */
  readonly allowance: Allowance | null
  readonly jobs: SortedQueue<Job> = new SortedQueue(byPriorityThenAdmission)
  /** What may be claimed alone: the jobs whose worker was lost. */
  readonly suspects: SortedQueue<Job> = new SortedQueue(byPriorityThenAdmission)
  /** Whether it is among those of its lane from which a claim takes. */
  isOpen = false

  constructor(lane: Lane, effective: LimitState['effective'] | null, now: number) {
    this.lane = lane
    this.allowance = effective === null ? null : new Allowance(this)
    this.allowance?.apply(effective!, now)
  }

  get isEmpty(): boolean {
    return this.jobs.size === 0 && this.suspects.size === 0
  }

  reconsider(): boolean {
    return this.lane.queue.dispatch.refreshBucket(this)
  }
}
