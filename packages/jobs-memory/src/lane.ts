import type { Job } from './job.ts'
import type { QueueState } from './queue-state.ts'
import { SortedQueue, type QueueItem } from './sorted-queue.ts'
import { emptyTally, type Tally } from './standing.ts'

/** The jobs of one tenant in one queue. */
export class Lane implements QueueItem<Lane> {
  readonly queue: QueueState
  readonly tenantId: string | null
  /** The retained jobs whose id the producer chose. The others are found by the serial in it. */
  named: Map<string, Job> | null = null
  /** How many jobs are retained. */
  size = 0
  /** What may be claimed in fair order. */
  readonly ready: SortedQueue<Job> = new SortedQueue(byPriorityThenAdmission)
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
}

function byPriorityThenAdmission(a: Job, b: Job): number {
  return b.priority - a.priority || a.admission - b.admission
}
