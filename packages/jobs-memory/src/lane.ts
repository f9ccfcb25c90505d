import type { Group } from './group.ts'
import type { Job } from './job.ts'
import type { KeyGate } from './key-gate.ts'
import type { QueueState } from './queue-state.ts'
import { SortedQueue, type QueueItem } from './sorted-queue.ts'
import { emptyTally, type Tally } from './standing.ts'
import type { UniqueHolds } from './unique-holds.ts'

/** The jobs of one tenant in one queue. */
export class Lane implements QueueItem<Lane> {
  readonly queue: QueueState
  readonly tenantId: string | null
  /** The retained jobs whose id the producer chose. The others are found by the serial in it. */
  named: Map<string, Job> | null = null
  /** How many jobs are retained. */
  size = 0
  /** What may be claimed in fair order and no key governs. */
  readonly ready: SortedQueue<Job> = new SortedQueue(byPriorityThenAdmission)
  /** What may be claimed in fair order and an ordering or concurrency key governs. */
  keyed: SortedQueue<Job> | null = null
  /** The ordering and concurrency keys of jobs that live. */
  gates: Map<string, KeyGate> | null = null
  uniqueHolds: UniqueHolds | null = null
  /** Groups that are retained. */
  groups: Map<string, Group> | null = null
  readonly tally: Tally = emptyTally()
  /** What may be claimed alone: the jobs whose worker was lost. */
  readonly suspects: SortedQueue<Job> = new SortedQueue(byPriorityThenAdmission)
  paused: boolean
  /** See {@link FairOrder}. */
  virtualTime = 0
  activation = 0
  home: SortedQueue<Lane> | null = null
  heapIndex = -1
  previous: Lane | null = null
  next: Lane | null = null

  constructor(queue: QueueState, tenantId: string | null, paused: boolean) {
    this.queue = queue
    this.tenantId = tenantId
    this.paused = paused
  }

  get hasReady(): boolean {
    return this.ready.size > 0 || (this.keyed !== null && this.keyed.size > 0)
  }

  /** Takes the next of what may be claimed in fair order. */
  takeReady(): Job | undefined {
    const keyed = this.keyed?.peek()
    if (keyed === undefined) return this.ready.pop()
    const plain = this.ready.peek()
    const next = plain === undefined || byPriorityThenAdmission(keyed, plain) < 0 ? keyed : plain
    next.home!.remove(next)
    return next
  }
}

/** The order of a lane: higher priority first, then who was admitted earlier. */
export function byPriorityThenAdmission(a: Job, b: Job): number {
  return b.priority - a.priority || a.admission - b.admission
}
