import type { EnqueueResult, FollowUpConflict, GroupLinks, NewJob } from '@cgk/jobs-core'
import { becomeJob, createJob, hasEnded, toRecord, type Job } from './job.ts'
import type { Lane } from './lane.ts'
import { RUNNING } from './standing.ts'
import type { StoreState } from './store-state.ts'
import type { Transitions } from './transitions.ts'
import { UniqueHolds, type UniqueHold } from './unique-holds.ts'

type UniqueInput = NewJob & Required<Pick<NewJob, 'unique'>>

/** Takes jobs in: decides by id and unique key whether a job is new, another's place, or there already. */
export class Enqueuer {
  readonly #state: StoreState
  readonly #transitions: Transitions

  constructor(state: StoreState, transitions: Transitions) {
    this.#state = state
    this.#transitions = transitions
  }

  /** The first job whose id belongs to another, be it stored or earlier in the call. */
  findConflict(inputs: readonly NewJob[]): Omit<FollowUpConflict, 'status'> | null {
    let earlier: Map<string, NewJob> | undefined
    for (let index = 0; index < inputs.length; index++) {
      const input = inputs[index]!
      const { queue, tenantId, jobId } = input
      if (jobId === undefined) continue
      const key = JSON.stringify([queue, tenantId, jobId])
      const holder = this.#state.find({ queue, tenantId, id: jobId }) ?? earlier?.get(key)
      if (holder === undefined) (earlier ??= new Map()).set(key, input)
      else if (holder.name !== input.name || holder.payload !== input.payload) {
        return { index, holderName: holder.name }
      }
    }
    return null
  }

  /** Takes in jobs among which {@link findConflict} found none. */
  enqueue(inputs: readonly NewJob[], now: number): EnqueueResult[] {
    const results: EnqueueResult[] = []
    for (const input of inputs) results.push(this.#enqueue(input, now))
    return results
  }

  /** Makes a job and lets it wait. */
  create(input: NewJob, now: number, links: GroupLinks | null = null): Job {
    return this.#create(input, now, input.runAt ?? now + (input.delayMs ?? 0), links, null)
  }

  #enqueue(input: NewJob, now: number): EnqueueResult {
    const { jobId, tenantId } = input
    if (jobId !== undefined) {
      const existing = this.#state.queues.get(input.queue)?.find(tenantId, jobId)
      if (existing !== undefined) return { status: 'existing', job: toRecord(existing) }
    }
    if (input.unique !== undefined) return this.#enqueueUnique(input as UniqueInput, now)
    return enqueued(this.create(input, now))
  }

  #create(
    input: NewJob,
    now: number,
    runAt: number,
    links: GroupLinks | null,
    succeeds: UniqueHold | null,
  ): Job {
    const queue = this.#state.queueOf(input.queue)
    const lane = queue.laneOf(input.tenantId)
    // What came due earlier is admitted earlier.
    queue.promote(now)
    const id = input.jobId ?? queue.makeId(lane, now)
    const job = createJob(lane, id, input, now, runAt, links)
    queue.add(job)
    const { ties } = job
    if (ties !== null) {
      if (succeeds !== null) {
        succeeds.successor = job
        ties.hold = succeeds
      }
      ties.turn = queue.takeTurn()
      queue.enterGate(job)
    }
    queue.wait(job, now)
    return job
  }

  #enqueueUnique(input: UniqueInput, now: number): EnqueueResult {
    const { unique } = input
    const lane = this.#state.queueOf(input.queue).laneOf(input.tenantId)
    const hold = (lane.uniqueHolds ??= new UniqueHolds()).find(unique.key, now)
    if (hold === undefined) return this.#takeKey(lane, input, now)
    const { holder, successor } = hold
    if (unique.ifTaken === 'keep') return { status: 'existing', job: toRecord(holder) }
    if (successor !== null) return this.#replace(successor, input, hold, now)
    if (holder.standing === RUNNING) {
      hold.burstAt = now
      return enqueued(this.#create(input, now, runAtOf(input, now, now), null, hold))
    }
    if (!hasEnded(holder)) return this.#replace(holder, input, hold, now)
    this.#endWindow(hold, now)
    return this.#takeKey(lane, input, now)
  }

  #takeKey(lane: Lane, input: UniqueInput, now: number): EnqueueResult {
    const { unique } = input
    const job = this.#create(input, now, runAtOf(input, now, now), null, null)
    const windowMs = unique.ifTaken === 'keep' ? unique.windowMs : undefined
    lane.uniqueHolds!.take(unique.key, job, now, windowMs)
    return enqueued(job)
  }

  #replace(job: Job, input: UniqueInput, hold: UniqueHold, now: number): EnqueueResult {
    const { queue } = job.lane
    queue.promote(now)
    // An attempt has begun since: the duplicates from now on are another burst.
    if (job.startedAt !== null) hold.burstAt = now
    if (job === hold.holder) hold.until = null
    queue.withdraw(job)
    queue.leaveGate(job)
    becomeJob(job, input, now, runAtOf(input, now, hold.burstAt))
    queue.enterGate(job)
    queue.wait(job, now)
    return { status: 'replaced', job: toRecord(job) }
  }

  #endWindow(hold: UniqueHold, now: number): void {
    const { holder } = hold
    holder.lane.uniqueHolds!.drop(hold)
    if (holder.leaseStage === 'held') return
    holder.lane.queue.withdraw(holder)
    this.#transitions.retire(holder, now)
  }
}

function runAtOf(
  { unique, runAt, delayMs = 0 }: UniqueInput,
  now: number,
  burstAt: number,
): number {
  if (unique.ifTaken !== 'debounce') return runAt ?? now + delayMs
  return Math.min(now + delayMs, burstAt + (unique.maxWaitMs ?? Infinity))
}

function enqueued({ id, createdAt, runAt }: Job): EnqueueResult {
  return { status: 'enqueued', id, createdAt, runAt }
}
