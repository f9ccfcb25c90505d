import { DEFAULT_WEIGHT } from '@cgk/jobs-core'
import { Allowance, type AllowanceOwner } from './allowance.ts'
import type { Bucket } from './bucket.ts'
import type { Group } from './group.ts'
import type { Job } from './job.ts'
import type { KeyGate } from './key-gate.ts'
import type { KeyScope } from './key-scope.ts'
import { LONG_AGO } from './long-ago.ts'
import type { QueueState } from './queue-state.ts'
import { SortedQueue, type QueueItem } from './sorted-queue.ts'
import { emptyTally, PENDING, RETRYING, SCHEDULED, type Tally } from './standing.ts'
import type { UniqueHolds } from './unique-holds.ts'

/** The jobs of one tenant in one queue. */
export class Lane implements QueueItem<Lane>, AllowanceOwner {
  readonly queue: QueueState
  readonly tenantId: string | null
  readonly allowance: Allowance = new Allowance(this)
  weight: number = DEFAULT_WEIGHT
  /** How many jobs may wait. */
  backlog: number = Infinity
  /** The retained jobs whose id the producer chose. The others are found by the serial in it. */
  named: Map<string, Job> | null = null
  /** How many jobs are retained. */
  size = 0
  /** What may be claimed in fair order and neither a key nor a limiter governs. */
  readonly ready: SortedQueue<Job> = new SortedQueue(byPriorityThenAdmission)
  /** What may be claimed alone, because its worker was lost, and no limiter governs. */
  readonly suspects: SortedQueue<Job> = new SortedQueue(byPriorityThenAdmission)
  /** What a key or a limiter governs, by the limiter; `null` where a key alone does. */
  buckets: Map<string | null, Bucket> | null = null
  /** Those of the buckets that have something and whose limiter lets it start. */
  readonly open: Bucket[] = []
  /** The ordering and concurrency keys of jobs that live. */
  gates: Map<string, KeyGate> | null = null
  /** The keys about which limits say something. */
  keyScopes: Map<string, KeyScope> | null = null
  uniqueHolds: UniqueHolds | null = null
  /** Groups that are retained. */
  groups: Map<string, Group> | null = null
  readonly tally: Tally = emptyTally()
  /** See {@link FairOrder}. */
  virtualTime: number = LONG_AGO
  activation = 0
  home: SortedQueue<Lane> | null = null
  heapIndex = -1
  previous: Lane | null = null
  next: Lane | null = null

  constructor(queue: QueueState, tenantId: string | null) {
    this.queue = queue
    this.tenantId = tenantId
  }

  get hasReady(): boolean {
    return this.ready.size > 0 || this.open.some(({ jobs }) => jobs.size > 0)
  }

  get hasSuspects(): boolean {
    return this.suspects.size > 0 || this.open.some(({ suspects }) => suspects.size > 0)
  }

  get waiting(): number {
    return this.tally[PENDING.index]! + this.tally[SCHEDULED.index]! + this.tally[RETRYING.index]!
  }

  /** Takes the next of what may be claimed in fair order. */
  takeReady(): Job | undefined {
    if (this.open.length === 0) return this.ready.pop()
    return takeFirst(this.ready, this.open, 'jobs')
  }

  /** Takes the next of what may be claimed alone. */
  takeSuspect(): Job | undefined {
    return takeFirst(this.suspects, this.open, 'suspects')
  }

  /** The gates of a key, be it an ordering or a concurrency key. */
  gatesOf(key: string): readonly KeyGate[] {
    const { gates } = this
    if (gates === null) return []
    return [gates.get(`o${key}`), gates.get(`c${key}`)].filter((gate) => gate !== undefined)
  }

  reconsider(): boolean {
    return this.queue.dispatch.refresh(this)
  }

  /** Whether the lane may as well be made anew: nothing that limits remember is lost with it. */
  mayForget(now: number): boolean {
    if (this.allowance.restsAt > now) return false
    for (const bucket of this.buckets?.values() ?? []) {
      if ((bucket.allowance?.restsAt ?? 0) > now) return false
    }
    for (const { allowance } of this.keyScopes?.values() ?? []) {
      if (allowance.restsAt > now) return false
    }
    return true
  }
}

/** The order of a lane: higher priority first, then who was admitted earlier. */
export function byPriorityThenAdmission(a: Job, b: Job): number {
  return b.priority - a.priority || a.admission - b.admission
}

// Few limiters have something at a time: a look at each is less than an order kept among them.
function takeFirst(
  free: SortedQueue<Job>,
  buckets: readonly Bucket[],
  part: 'jobs' | 'suspects',
): Job | undefined {
  let first = free.peek()
  for (const bucket of buckets) {
    const job = bucket[part].peek()
    if (job === undefined) continue
    if (first === undefined || byPriorityThenAdmission(job, first) < 0) first = job
  }
  first?.home!.remove(first)
  return first
}
