import {
  complete,
  JobsError,
  type JobRef,
  type JobStore,
  type NewJob,
  type Settlement,
  type SettleResult,
} from '@cgk/jobs-core'
import { expect } from 'vitest'
import { untilDone } from './until-done.ts'

const CALL_MS = 2_000
const LEASE_MS = 60_000
const TENANTS = 12

/** What was told, and what of it is not so. */
export interface Loss {
  readonly told: number
  readonly jobs: number
  readonly outcomes: number
}

/** A producer and a worker at each of some queues, for faults to happen to. They repeat what failed. */
export class Load {
  /** What the producers were told to be stored. */
  readonly #stored: JobRef[] = []
  /** When they were told, in the same order. */
  readonly #storedAt: number[] = []
  /** What the workers were told to be settled, and when. */
  readonly #settled = new Map<string, number>()
  readonly #work: readonly Promise<void>[]
  readonly #store: JobStore
  readonly #queues: readonly string[]
  #isOver = false

  constructor(store: JobStore, queues: readonly string[]) {
    this.#store = store
    this.#queues = queues
    this.#work = queues.flatMap((queue) => [this.#produce(queue), this.#consume(queue)])
    // Whether it failed is looked at in the end.
    for (const work of this.#work) work.catch(() => {})
  }

  /** Resolves when each queue has taken in and given out more than it had. */
  async goesOn(): Promise<void> {
    const before = this.#queues.map((queue) => this.#progressOf(queue))
    await expect
      .poll(
        () =>
          this.#queues.every((queue, index) => {
            const { stored, settled } = this.#progressOf(queue)
            return stored > before[index]!.stored + 20 && settled > before[index]!.settled + 20
          }),
        { timeout: 30_000 },
      )
      .toBe(true)
  }

  /**
   * Ends the work, and looks whether all that was told is so, but for what may be lost. Resolves with how much is.
   *
   * @param mayBeLost - by when it was told, on the monotonic clock
   */
  async endsWell(mayBeLost = (_toldAt: number) => false): Promise<Loss> {
    this.#isOver = true
    await Promise.all(this.#work)
    const records = await untilDone(() => this.#store.get(this.#stored))
    const lost = this.#storedAt.filter((_, index) => records[index] === null)
    expect(lost.filter((toldAt) => !mayBeLost(toldAt))).toEqual([])
    const undone = records.flatMap((record) => {
      if (record === null || record.state === 'completed') return []
      return this.#settled.get(nameOf(record)) ?? []
    })
    expect(undone.filter((toldAt) => !mayBeLost(toldAt))).toEqual([])
    for (const queue of this.#queues) {
      const states = records.flatMap((record) => (record?.queue === queue ? record.state : []))
      const completed = states.filter((state) => state === 'completed').length
      const counts = await untilDone(() => this.#store.counts({ queue }))
      expect(counts.completed).toBe(completed)
      expect(counts.pending + counts.running).toBe(states.length - completed)
    }
    return { told: records.length, jobs: lost.length, outcomes: undone.length }
  }

  async #produce(queue: string): Promise<void> {
    for (let n = 0; !this.#isOver; n++) {
      const jobs = Array.from({ length: 5 }, (_, at) =>
        newJob(queue, `${n}-${at}`, `t${(n + at) % TENANTS}`),
      )
      await untilDone(() => this.#store.enqueue(jobs, { signal: AbortSignal.timeout(CALL_MS) }))
      this.#stored.push(...jobs.map(({ tenantId, jobId }) => ({ queue, tenantId, id: jobId! })))
      this.#storedAt.push(...jobs.map(() => performance.now()))
    }
  }

  async #consume(queue: string): Promise<void> {
    const claim = { queue, slots: 7, prefetch: 0, leaseMs: LEASE_MS, worker: 'w', suspects: false }
    while (!this.#isOver) {
      const { jobs } = await untilDone(() =>
        this.#store.claim(claim, { signal: AbortSignal.timeout(CALL_MS) }),
      )
      const settlements = jobs.map((job) => complete(job))
      const results = await untilDone(() => this.#settle(settlements))
      for (const [index, result] of results.entries()) {
        if (result === 'settled') this.#settled.set(nameOf(jobs[index]!), performance.now())
      }
    }
  }

  async #settle(settlements: readonly Settlement[]): Promise<readonly SettleResult[]> {
    const signal = AbortSignal.timeout(CALL_MS)
    const { results } = await this.#store.settle({ settlements }, { signal })
    if (!results.includes('unanswered')) return results
    throw new JobsError('JOBS_STORE_UNAVAILABLE', 'a shard did not answer', { retryable: true })
  }

  #progressOf(queue: string): { readonly stored: number; readonly settled: number } {
    const settled = [...this.#settled.keys()].filter((name) => name.startsWith(`${queue} `))
    const stored = this.#stored.filter((ref) => ref.queue === queue)
    return { stored: stored.length, settled: settled.length }
  }
}

function nameOf({ queue, tenantId, id }: JobRef): string {
  return `${queue} ${tenantId} ${id}`
}

function newJob(queue: string, jobId: string, tenantId: string): NewJob {
  return { queue, tenantId, name: 'send-invoice', payload: '{}', priority: 0, jobId }
}
