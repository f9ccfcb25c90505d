import type { FullBacklog, JobsError } from '../errors.ts'
import type { CancelTimer, Timers } from '../runtime/ports.ts'
import type { TurnTaker } from './turn-taker.ts'
import { backlogFull, type EnqueueResult, type NewJob } from '../storage/new-job.ts'

interface Call {
  readonly jobs: readonly NewJob[]
  readonly resolve: (results: readonly EnqueueResult[]) => void
  readonly reject: (error: unknown) => void
}

/** Calls beyond this many jobs wait for the next batch; one call is never split. */
const BATCH_JOBS = 1_000

/** How long a call waits for the batch before it. */
const PATIENCE_MS = 100

const BATCHES_AT_ONCE = 4

/**
 * Natural batching of enqueue calls: what arrives while a batch is under way travels with the next,
 * and calls of one tick travel together. An idle store is called at once.
 *
 * One batch at a time, so that jobs are stored in the order in which they were enqueued. But one that is
 * not answered soon is overtaken: it may wait for the transaction of somebody who uses one of its ids. Jobs
 * with an ordering key overtake none that have one.
 */
export class EnqueueBatcher {
  readonly #send: (jobs: readonly NewJob[]) => Promise<readonly EnqueueResult[]>
  readonly #turns: TurnTaker
  readonly #timers: Timers
  readonly #underWay = new Set<Promise<void>>()
  /** Whether a batch under way has jobs with an ordering key. */
  #orderIsKept = false
  #waiting: Call[] = []
  #busy = false
  /** Sends what waits although the batch before it is not answered. */
  #overtake: (() => void) | null = null
  #cancelPatience: CancelTimer | null = null

  constructor(
    send: (jobs: readonly NewJob[]) => Promise<readonly EnqueueResult[]>,
    turns: TurnTaker,
    timers: Timers,
  ) {
    this.#send = send
    this.#turns = turns
    this.#timers = timers
  }

  /** Resolves when these jobs are stored, all or none of them. */
  enqueue(jobs: readonly NewJob[]): Promise<readonly EnqueueResult[]> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ jobs, resolve, reject })
      if (this.#busy) {
        this.#losePatienceLater()
        return
      }
      this.#busy = true
      queueMicrotask(() => void this.#run())
    })
  }

  async #run(): Promise<void> {
    while (this.#waiting.length > 0) {
      if (this.#turns.isOver()) await this.#turns.next()
      const batch = this.#takeBatch()
      if (batch.length === 0) await Promise.race(this.#underWay)
      else await this.#untilAnsweredOrSlow(batch)
    }
    this.#busy = false
  }

  #takeBatch(): readonly Call[] {
    const candidates = this.#orderIsKept
      ? this.#waiting.filter((call) => !hasOrderingKey(call))
      : this.#waiting
    let count = 0
    let jobs = 0
    for (const call of candidates) {
      if (count > 0 && jobs + call.jobs.length > BATCH_JOBS) break
      count += 1
      jobs += call.jobs.length
    }
    const batch = candidates.slice(0, count)
    if (candidates === this.#waiting) {
      this.#waiting = this.#waiting.slice(count)
    } else {
      const taken = new Set(batch)
      this.#waiting = this.#waiting.filter((call) => !taken.has(call))
    }
    return batch
  }

  async #untilAnsweredOrSlow(batch: readonly Call[]): Promise<void> {
    const keepsOrder = batch.some(hasOrderingKey)
    if (keepsOrder) this.#orderIsKept = true
    const answered = this.#sendBatch(batch).then(() => {
      this.#underWay.delete(answered)
      if (keepsOrder) this.#orderIsKept = false
    })
    this.#underWay.add(answered)
    if (this.#underWay.size === BATCHES_AT_ONCE) return Promise.race(this.#underWay)
    await new Promise<void>((resolve) => {
      this.#overtake = resolve
      void answered.then(resolve)
      this.#losePatienceLater()
    })
    this.#overtake = null
    this.#cancelPatience?.()
    this.#cancelPatience = null
  }

  /** A timer only where somebody waits: most batches are answered before anybody does. */
  #losePatienceLater(): void {
    const overtake = this.#overtake
    if (overtake === null || this.#cancelPatience !== null || this.#waiting.length === 0) return
    this.#cancelPatience = this.#timers.after(PATIENCE_MS, overtake, { background: true })
  }

  async #sendBatch(batch: readonly Call[]): Promise<void> {
    try {
      const results = await this.#send(jobsOf(batch))
      if (batch.length === 1) {
        batch[0]!.resolve(results)
        return
      }
      let from = 0
      for (const call of batch) {
        call.resolve(results.slice(from, from + call.jobs.length))
        from += call.jobs.length
      }
    } catch (error) {
      const { backlog, retryable } = error as JobsError
      // Somebody's job is at fault, and only that caller is to hear of it. Any other error worth a retry
      // is about the store, and may hide an applied write.
      if (batch.length > 1 && backlog !== undefined) await this.#sendWithin(backlog, batch)
      else if (batch.length > 1 && !retryable) await this.#sendHalves(batch)
      else for (const call of batch) call.reject(error)
    }
  }

  async #sendHalves(batch: readonly Call[]): Promise<void> {
    const half = batch.length >> 1
    await this.#sendBatch(batch.slice(0, half))
    await this.#sendBatch(batch.slice(half))
  }

  /**
   * The calls of others go on at once. Of the tenant's, those that find no room are refused here: one
   * that floods its backlog must not cost the others a round trip for each of its calls.
   */
  async #sendWithin(backlog: FullBacklog, batch: readonly Call[]): Promise<void> {
    const others = batch.filter((call) => countIn(backlog, call) === 0)
    if (others.length > 0) await this.#sendBatch(others)
    let room = backlog.quota - backlog.waiting
    const total = batch.reduce((sum, call) => sum + countIn(backlog, call), 0)
    const names = new Set<string>()
    const fitting = batch.filter((call) => {
      const more = countIn(backlog, call)
      if (more === 0) return false
      // What is there already needs no room, and only the store knows: unless it counted them all, none
      // of which is there but what the batch itself brings.
      const own = namesOf(call)
      const isKnown = own.length === 0 || (backlog.more === total && !own.some((n) => names.has(n)))
      if (!isKnown || more <= room) {
        for (const name of own) names.add(name)
        if (isKnown) room -= more
        return true
      }
      const { quota } = backlog
      call.reject(backlogFull(backlog, { quota, waiting: quota - room, more }))
      return false
    })
    if (fitting.length === batch.length) await this.#sendHalves(batch)
    else if (fitting.length > 0) await this.#sendBatch(fitting)
  }
}

function hasOrderingKey({ jobs }: Call): boolean {
  return jobs.some(({ orderingKey }) => orderingKey !== undefined)
}

/** How many jobs of a call are in that backlog's queue and tenant. */
function countIn({ queue, tenantId }: FullBacklog, { jobs }: Call): number {
  return jobs.filter((job) => job.queue === queue && job.tenantId === tenantId).length
}

/** By what jobs of a call may turn out to be there already. */
function namesOf({ jobs }: Call): string[] {
  const names: string[] = []
  for (const { jobId, unique } of jobs) {
    if (jobId !== undefined) names.push(`id ${jobId}`)
    if (unique !== undefined) names.push(`key ${unique.key}`)
  }
  return names
}

function jobsOf(batch: readonly Call[]): readonly NewJob[] {
  if (batch.length === 1) return batch[0]!.jobs
  const jobs: NewJob[] = []
  for (const call of batch) {
    for (const job of call.jobs) jobs.push(job)
  }
  return jobs
}
