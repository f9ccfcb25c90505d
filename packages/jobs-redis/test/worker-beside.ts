import type { ClaimRequest, EnqueueResult, JobStore, NewJob, Settlement } from '@cgk/jobs-core'

type Answer = Awaited<ReturnType<JobStore['settle']>>

/** What a worker asks for when it is told of a job. */
export interface Asked {
  readonly claim: ClaimRequest
  readonly settlements?: readonly Settlement[]
  readonly signal?: AbortSignal
}

/** What became of the job, and of what was asked for. */
export type Outcomes = readonly [
  enqueued: PromiseSettledResult<readonly EnqueueResult[]>,
  settled: PromiseSettledResult<Answer>,
]

/** A worker in the process of the producer, which asks for something once it is told of a job on its way out. */
export class WorkerBeside implements Disposable {
  readonly #store: JobStore
  readonly #stop: () => void
  #ask: ((queue: string | null) => void) | null = null

  constructor(store: JobStore) {
    this.#store = store
    this.#stop = store.subscribe!(({ queue }) => this.#ask?.(queue))
  }

  /** Enqueues a job of a queue in which there was one before, so that the first who tells of it is the producer. */
  async enqueue(job: NewJob, asked: Asked, signal?: AbortSignal): Promise<Outcomes> {
    const answers: Promise<Answer>[] = []
    this.#ask = (queue) => {
      if (queue !== job.queue) return
      this.#ask = null
      const { claim, settlements = [] } = asked
      answers.push(this.#store.settle({ settlements, claim }, asked))
    }
    const enqueued = this.#store.enqueue([job], signal && { signal })
    const [outcome] = await Promise.allSettled([enqueued, ...answers])
    const [settled] = await Promise.allSettled(answers)
    return [outcome!, settled!] as const
  }

  [Symbol.dispose](): void {
    this.#stop()
  }
}
