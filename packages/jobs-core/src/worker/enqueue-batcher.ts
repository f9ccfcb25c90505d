import type { JobsError } from '../errors.ts'
import type { TurnTaker } from './turn-taker.ts'
import type { EnqueueResult, NewJob } from '../storage/new-job.ts'

interface Call {
  readonly jobs: readonly NewJob[]
  readonly resolve: (results: readonly EnqueueResult[]) => void
  readonly reject: (error: unknown) => void
}

/**
 * Whether the store refused the batch, storing nothing, because somebody's job is at fault: only that
 * caller is to hear of it. Any other error worth a retry is about the store, and may hide an applied
 * write.
 */
function isAboutJobs({ code, retryable }: JobsError): boolean {
  return !retryable || code === 'JOBS_BACKLOG_FULL'
}

/** Calls beyond this many jobs wait for the next batch; one call is never split. */
const BATCH_JOBS = 1_000

/**
 * Natural batching of enqueue calls: what arrives while a batch is under way travels with the next,
 * and calls of one tick travel together. One batch at a time, so that jobs are stored in the order in
 * which they were enqueued. No timers: an idle store is called at once.
 */
export class EnqueueBatcher {
  readonly #send: (jobs: readonly NewJob[]) => Promise<readonly EnqueueResult[]>
  readonly #turns: TurnTaker
  #waiting: Call[] = []
  #busy = false

  constructor(
    send: (jobs: readonly NewJob[]) => Promise<readonly EnqueueResult[]>,
    turns: TurnTaker,
  ) {
    this.#send = send
    this.#turns = turns
  }

  /** Resolves when these jobs are stored, all or none of them. */
  enqueue(jobs: readonly NewJob[]): Promise<readonly EnqueueResult[]> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ jobs, resolve, reject })
      if (this.#busy) return
      this.#busy = true
      queueMicrotask(() => void this.#run())
    })
  }

  async #run(): Promise<void> {
    while (this.#waiting.length > 0) {
      if (this.#turns.isOver()) await this.#turns.next()
      await this.#sendBatch(this.#takeBatch())
    }
    this.#busy = false
  }

  #takeBatch(): Call[] {
    let count = 0
    let jobs = 0
    for (const call of this.#waiting) {
      if (count > 0 && jobs + call.jobs.length > BATCH_JOBS) break
      count += 1
      jobs += call.jobs.length
    }
    const batch = this.#waiting
    this.#waiting = batch.splice(count)
    return batch
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
      if (batch.length > 1 && isAboutJobs(error as JobsError)) {
        const half = batch.length >> 1
        await this.#sendBatch(batch.slice(0, half))
        await this.#sendBatch(batch.slice(half))
        return
      }
      for (const call of batch) call.reject(error)
    }
  }
}

function jobsOf(batch: readonly Call[]): readonly NewJob[] {
  if (batch.length === 1) return batch[0]!.jobs
  const jobs: NewJob[] = []
  for (const call of batch) {
    for (const job of call.jobs) jobs.push(job)
  }
  return jobs
}
