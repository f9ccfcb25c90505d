import {
  complete,
  fail,
  release,
  retry,
  type ClaimedJob,
  type ClaimResult,
  type JobStore,
  type Limits,
  type NewJob,
  type Settlement,
} from '@cgk/jobs-core'
import { expect, test, vi } from 'vitest'
import { FunctionsCaller } from '../src/functions-caller.ts'
import { ClockedStores } from './clocked-stores.ts'
import { claimRequest, LEASE_MS, newJob, QUEUE } from './orders.ts'
import { WorkerBeside, type Outcomes } from './worker-beside.ts'

// Servers and connections take their time where many tests run at once.
vi.setConfig({ testTimeout: 120_000 })

const ERROR = { message: 'it failed', retryable: true }

const stores = new ClockedStores()
const calls = vi.spyOn(FunctionsCaller.prototype, 'call')

/** Throws that are the same for the same seed; Park and Miller, CACM 1988. */
function dice(seed: number): (sides: number) => number {
  let state = seed
  return (sides) => (state = (state * 48_271) % 2_147_483_647) % sides
}

/** Does the same in two queues: in one a claim comes with the job, in the other after it. */
class Pair {
  readonly #throw: (sides: number) => number
  readonly #stores = [stores.open(), stores.open()] as const
  readonly #held: (readonly [ClaimedJob, ClaimedJob])[] = []
  readonly #refs: (readonly [string, string, NewJob])[] = []
  #made = 0

  constructor(seed: number) {
    this.#throw = dice(seed)
  }

  async run(steps: number): Promise<void> {
    using worker = new WorkerBeside(this.#stores[0])
    await this.#both((store) => store.enqueue([newJob()]))
    for (let step = 0; step < steps; step++) {
      const kind = this.#throw(12)
      if (kind < 7) await this.#enqueueAndClaim(worker)
      else if (kind < 8) await this.#enqueue()
      else if (kind < 9) stores.now += this.#throw(LEASE_MS)
      else if (kind < 10) await this.#both((store) => store.maintain({ limit: 10 }))
      else if (kind < 11) await this.#setLimits()
      else await this.#workOff()
    }
    await this.#compareAll()
  }

  async #both<T>(act: (store: JobStore) => Promise<T>): Promise<T> {
    const [one, other] = await Promise.all(this.#stores.map(act))
    expect(comparable(one)).toEqual(comparable(other))
    return one!
  }

  async #enqueueAndClaim(worker: WorkerBeside): Promise<void> {
    const job = this.#job()
    const claim = claimRequest({ slots: this.#throw(4), prefetch: this.#throw(3) })
    const ended = this.#held.splice(0, this.#throw(3))
    const how = ended.map(() => this.#throw(5))
    const settlements = ([0, 1] as const).map((at) =>
      ended.map((leases, index) => endOf(how[index]!, leases[at])),
    ) as [Settlement[], Settlement[]]
    const [together, after] = this.#stores
    const isDueAtOnce = job.delayMs === undefined
    const outcomes = isDueAtOnce
      ? await worker.enqueue(job, { claim, settlements: settlements[0] })
      : ([
          ...(await Promise.allSettled([together.enqueue([job])])),
          ...(await Promise.allSettled([together.settle({ settlements: settlements[0], claim })])),
        ] as const)
    const [apart] = await Promise.allSettled([after.enqueue([job])])
    const settled = await after.settle({ settlements: settlements[1], claim })
    expect(comparable(outcomes[0])).toEqual(comparable(apart))
    expect(comparable(outcomes[1])).toEqual(comparable({ status: 'fulfilled', value: settled }))
    this.#note(job, outcomes[0], apart!)
    if (outcomes[1].status === 'fulfilled') this.#hold(outcomes[1].value.claimed, settled.claimed)
  }

  async #enqueue(): Promise<void> {
    const job = this.#job()
    const results = await Promise.all(
      this.#stores.map(async (store) => (await Promise.allSettled([store.enqueue([job])]))[0]!),
    )
    expect(comparable(results[0])).toEqual(comparable(results[1]))
    this.#note(job, results[0]!, results[1]!)
  }

  /** So that the next job comes to an idle queue. */
  async #workOff(): Promise<void> {
    for (;;) {
      for (const suspects of [false, true]) {
        const claims = await Promise.all(
          this.#stores.map((store) => store.claim(claimRequest({ suspects }))),
        )
        expect(comparable(claims[0])).toEqual(comparable(claims[1]))
        this.#hold(claims[0]!, claims[1]!)
      }
      if (this.#held.length === 0) return
      const ended = this.#held.splice(0)
      for (const at of [0, 1] as const) {
        await this.#stores[at].settle({ settlements: ended.map((both) => complete(both[at])) })
      }
    }
  }

  async #setLimits(): Promise<void> {
    const limits: Partial<Record<keyof Limits, unknown>>[] = [
      { paused: true },
      { concurrency: 1 + this.#throw(3) },
      { rate: { limit: 2, periodMs: 1_000, burst: 2 } },
      { weight: 3 },
      { backlog: 3 },
    ]
    const tenantId = ['acme', 'globex', undefined][this.#throw(3)]
    const scope = { queue: QUEUE, ...(tenantId !== undefined && { tenantId }) }
    const stated = limits[this.#throw(tenantId === undefined ? 3 : 5)]!
    const cleared = Object.fromEntries(Object.keys(stated).map((name) => [name, null]))
    const set = (what: object) =>
      this.#both((store) => store.setLimits([{ scope, source: 'operator', limits: what } as never]))
    await set(stated)
    if (this.#throw(2) === 0) await set(cleared)
    else this.#clearLater.push(() => set(cleared))
    if (this.#clearLater.length > 2) await this.#clearLater.shift()!()
  }
  readonly #clearLater: (() => Promise<unknown>)[] = []

  #job(): NewJob {
    const n = this.#made++
    const kinds: Partial<NewJob>[] = [
      { delayMs: this.#throw(3_000) },
      { jobId: `id-${this.#throw(10)}` },
      { unique: { key: 'k', ifTaken: 'keep' } },
      { unique: { key: 'r', ifTaken: 'replace' } },
      { orderingKey: 'o' },
      { concurrencyKey: 'c', concurrencyLimit: 2 },
      { limiter: 'l' },
      { metadata: '{}', priority: 1 },
    ]
    const more = kinds[this.#throw(24)] ?? {}
    const tenantId = ['acme', 'acme', 'globex', null][this.#throw(4)]!
    return newJob({ tenantId, payload: more.jobId === undefined ? String(n) : '1', ...more })
  }

  #note(job: NewJob, one: Outcomes[0], other: Outcomes[0]): void {
    if (one.status === 'rejected' || other.status === 'rejected') return
    const [first, second] = [one.value[0]!, other.value[0]!]
    if (first.status === 'enqueued' && second.status === 'enqueued') {
      this.#refs.push([first.id, second.id, job])
    }
  }

  #hold(one: ClaimResult | null, other: ClaimResult | null): void {
    one!.jobs.forEach((job, at) => this.#held.push([job, other!.jobs[at]!]))
  }

  async #compareAll(): Promise<void> {
    const all = await Promise.all(
      this.#stores.map((store, at) =>
        store.get(
          this.#refs.map((ids) => ({
            queue: QUEUE,
            tenantId: ids[2].tenantId,
            id: ids[at as 0 | 1],
          })),
        ),
      ),
    )
    expect(comparable(all[0])).toEqual(comparable(all[1]))
    for (const tenantId of ['acme', 'globex', null]) {
      await this.#both((store) => store.counts({ queue: QUEUE, tenantId }))
    }
    await this.#both((store) => store.counts({ queue: QUEUE }))
  }
}

function endOf(how: number, lease: ClaimedJob): Settlement {
  if (how === 0) return retry(lease, ERROR, 0)
  if (how === 1) return release(lease)
  if (how === 2) return fail(lease, ERROR)
  return complete(lease, '1')
}

/** Without what is drawn by lot, and is another for each queue. */
function comparable(value: unknown): unknown {
  if (value instanceof Error) return value.message
  const text = JSON.stringify(value, (key, member: unknown) => {
    if (key === 'reason') return String(member)
    return key === 'token' ? undefined : member
  })
  return text === undefined ? undefined : text.replaceAll(/(job_[0-9a-z]+_)[0-9a-f]{6}/g, '$1')
}

test.each(Array.from({ length: 12 }, (_, n) => n + 1))(
  'what comes of both together is what comes of one after the other (seed %d)',
  async (seed) => {
    calls.mockClear()
    await new Pair(seed).run(60)
    expect(calls.mock.calls.map(([name]) => name)).toContain('enqueueAndSettle')
  },
)
