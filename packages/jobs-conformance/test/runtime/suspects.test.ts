import { defineJob, type Job, type JobHandler, type JobQueue, type JobStore } from '@cgk/jobs-core'
import { createMemoryStore } from '@cgk/jobs-memory'
import { beforeEach, describe, expect, test } from 'vitest'
import { ManualTime } from './manual-time.ts'
import { SimulatedProcess } from './simulated-process.ts'
import { storeWith } from './store-with.ts'

let time: ManualTime
let store: JobStore

beforeEach(() => {
  time = new ManualTime()
  store = createMemoryStore({ clock: time.clock })
})

interface Payload {
  /** Takes its process with it after so many milliseconds. */
  readonly killsAfter?: number
  readonly takes?: number
}

/** One run of one job in one process. */
interface Run {
  readonly id: string
  readonly process: number
  readonly lostLeases: number
  readonly beganAt: number
  /** `null` while it runs, and for ever when its process died. */
  endedAt: number | null
}

/** Keeps some worker processes alive, as a supervisor does, and notes what they run. */
class Fleet {
  readonly runs: Run[] = []
  readonly failures: string[] = []
  deaths = 0
  readonly #queues: readonly string[]
  readonly #concurrency: number
  #started = 0

  constructor(
    processes: number,
    options: { queues?: readonly string[]; concurrency?: number } = {},
  ) {
    this.#queues = options.queues ?? ['default']
    this.#concurrency = options.concurrency ?? 5
    for (let index = 0; index < processes; index++) this.#startProcess()
  }

  /** The other runs in the same process at a time when this one ran. */
  besides(run: Run): Run[] {
    const end = run.endedAt ?? Infinity
    return this.runs.filter(
      (other) =>
        other !== run &&
        other.process === run.process &&
        other.beganAt < end &&
        (other.endedAt ?? Infinity) > run.beganAt,
    )
  }

  #startProcess(): void {
    const process = new SimulatedProcess(time, store)
    const index = this.#started++
    const handler: JobHandler<Payload> = async (job) => {
      const run: Run = {
        id: job.id,
        process: index,
        lostLeases: job.lostLeases,
        beganAt: time.clock.monotonic(),
        endedAt: null,
      }
      this.runs.push(run)
      const { killsAfter, takes = 0 } = job.payload
      await time.sleep(killsAfter ?? takes)
      if (killsAfter !== undefined) {
        process.die()
        this.deaths += 1
        // The supervisor takes a second.
        void time.sleep(1_000).then(() => {
          this.#startProcess()
        })
        await new Promise(() => {})
      }
      run.endedAt = time.clock.monotonic()
      return { success: true }
    }
    for (const name of this.#queues) {
      process.start({
        queue: process.queue({ name }),
        handlers: new Map([['job', handler]]),
        maxConcurrency: this.#concurrency,
        onFailed: (job) => this.failures.push(job.id),
      })
    }
  }
}

function reader(name = 'default'): JobQueue {
  return new SimulatedProcess(time, store).queue({ name })
}

async function enqueue(queue: JobQueue, payloads: readonly Payload[]): Promise<Job<unknown>[]> {
  return queue.enqueueMany(payloads.map((payload) => ({ job: 'job', payload })))
}

const times = <T>(count: number, value: T): T[] => Array.from({ length: count }, () => value)

/** Advances until nothing is left to run. */
async function drain(queue: JobQueue, withinMs: number): Promise<void> {
  for (let waited = 0; waited <= withinMs; waited += 100) {
    const { pending, scheduled, running, retrying } = await queue.counts()
    if (pending + scheduled + running + retrying === 0) return
    await time.advance(100)
  }
  expect(await queue.counts()).toMatchObject({ pending: 0, running: 0 })
}

describe('a job that kills its process', () => {
  test.each([
    { poisons: 1, innocents: 20, processes: 1 },
    { poisons: 3, innocents: 30, processes: 1 },
    { poisons: 2, innocents: 40, processes: 3 },
  ])(
    '($poisons of them beside $innocents innocents, $processes processes) fails after 3 deaths; every innocent completes, with no attempt spent on it',
    async ({ poisons, innocents, processes }) => {
      const queue = reader()
      const payloads = times<Payload>(innocents, { takes: 50 })
      for (let poison = 0; poison < poisons; poison++) {
        payloads.splice(Math.floor((innocents / poisons) * poison) + 3, 0, { killsAfter: 20 })
      }
      const jobs = await enqueue(queue, payloads)
      const culprits = jobs.filter(({ payload }) => (payload as Payload).killsAfter !== undefined)
      const fleet = new Fleet(processes)
      await drain(queue, 300_000)
      expect(fleet.deaths).toBe(3 * poisons)
      for (const job of jobs) {
        const ended = await queue.getJob(job)
        if (culprits.includes(job)) {
          expect(ended).toMatchObject({
            status: 'failed',
            lostLeases: 3,
            error: {
              code: 'JOBS_WORKER_LOST',
              message: `worker lost: 3 workers vanished while they held job ${job.id}; it is not run again`,
              retryable: false,
            },
          })
        } else {
          expect(ended).toMatchObject({ status: 'completed', attempts: 1 })
          expect(ended!.lostLeases).toBeLessThanOrEqual(2)
        }
      }
      expect(fleet.failures.toSorted()).toEqual(culprits.map(({ id }) => id).toSorted())
    },
  )

  test('hits no neighbour once it is suspected: it runs alone in its process', async () => {
    const queue = reader()
    // So many that there are others to run at every moment.
    const jobs = await enqueue(queue, [{ killsAfter: 20 }, ...times(2_000, { takes: 50 })])
    const fleet = new Fleet(1)
    await drain(queue, 300_000)
    expect(fleet.deaths).toBe(3)
    const suspects = fleet.runs.filter(({ lostLeases }) => lostLeases > 0)
    expect(suspects.filter(({ id }) => id === jobs[0]!.id)).toHaveLength(2)
    expect(suspects.length).toBeGreaterThan(2)
    for (const run of suspects) expect(fleet.besides(run)).toEqual([])
  })

  test('runs alone in its process across queues', async () => {
    const [a, b] = [reader('a'), reader('b')]
    await enqueue(a, [{ killsAfter: 20 }])
    await enqueue(b, times(2_000, { takes: 50 }))
    const fleet = new Fleet(1, { queues: ['a', 'b'] })
    await drain(a, 300_000)
    await drain(b, 300_000)
    expect(fleet.deaths).toBe(3)
    const suspects = fleet.runs.filter(({ lostLeases }) => lostLeases > 0)
    for (const run of suspects) expect(fleet.besides(run)).toEqual([])
    expect(await b.counts()).toMatchObject({ completed: 2_000, failed: 0 })
  })

  test('runs alone whatever hints arrive while it is being claimed', async () => {
    // Hints in every microtask: none of them may let another job in beside the suspect.
    const process = new SimulatedProcess(time, store)
    let hint = (): void => {}
    const hinting = storeWith(process.store, {
      subscribe(listener) {
        hint = () => {
          listener({ queue: 'default', reason: 'ready' })
        }
        return process.store.subscribe!(listener)
      },
      async claim(request, options) {
        const result = await process.store.claim(request, options)
        if (request.suspects) {
          void (async () => {
            for (let turn = 0; turn < 50; turn++) {
              hint()
              await Promise.resolve()
            }
          })()
        }
        return result
      },
    })
    const vanishing = new SimulatedProcess(time, store)
    const [suspect] = await enqueue(vanishing.queue(), [{ takes: 1_000 }])
    await vanishing.queue().dequeue()
    vanishing.die()
    time.pass(30_001)
    const queue = process.queue({ store: hinting })
    await enqueue(queue, times(10, { takes: 10 }))
    const running = new Set<string>()
    const besideSuspect: string[] = []
    const handler: JobHandler<Payload> = async ({ id, payload }) => {
      running.add(id)
      if (running.has(suspect!.id) && running.size > 1) besideSuspect.push(...running)
      await time.sleep(payload.takes!)
      running.delete(id)
      return { success: true }
    }
    process.start({ queue, handlers: new Map([['job', handler]]) })
    await drain(queue, 60_000)
    expect(besideSuspect).toEqual([])
    expect(await queue.counts()).toMatchObject({ completed: 11 })
  })
})

describe('a suspect that is innocent', () => {
  /** Jobs whose worker has vanished; it is noticed in 30 s. */
  async function lose(queue: JobQueue, payloads: readonly Payload[]): Promise<Job<unknown>[]> {
    const jobs = await enqueue(queue, payloads)
    const vanishing = new SimulatedProcess(time, store)
    expect(await vanishing.queue().dequeue(payloads.length)).toHaveLength(payloads.length)
    vanishing.die()
    return jobs
  }

  async function suspects(queue: JobQueue, payloads: readonly Payload[]): Promise<Job<unknown>[]> {
    const jobs = await lose(queue, payloads)
    time.pass(30_001)
    return jobs
  }

  test('is cleared by an attempt that is settled, however that ends', async () => {
    const queue = reader()
    const [job] = await suspects(queue, [{}])
    const process = new SimulatedProcess(time, store)
    const handler: JobHandler = (_job, { attempt }) => {
      if (attempt === 1) throw new Error('no')
      return { success: true }
    }
    process.start({ queue: process.queue(), handlers: new Map([['job', handler]]) })
    await time.advance(5_000)
    expect(await queue.getJob(job!)).toMatchObject({
      status: 'completed',
      attempts: 2,
      lostLeases: 1,
    })
  })

  test('that runs for long holds up its neighbours for 10 s and no longer', async () => {
    const queue = reader()
    const [job] = await suspects(queue, [{ takes: 60_000 }])
    const fleet = new Fleet(1)
    await time.advance(100)
    const own = fleet.runs.find(({ id }) => id === job!.id)!
    await enqueue(queue, times(20, { takes: 10 }))
    await time.advance(9_800)
    expect(fleet.besides(own)).toEqual([])
    expect(await queue.counts()).toMatchObject({ completed: 0, pending: 20, running: 1 })
    await time.advance(1_000)
    expect(own.endedAt).toBeNull()
    expect(await queue.counts()).toMatchObject({ completed: 20, running: 1 })
    await drain(queue, 120_000)
    expect(await queue.getJob(job!)).toMatchObject({ status: 'completed', attempts: 1 })
  })

  test('waits for a long neighbour 10 s and no longer', async () => {
    const queue = reader()
    const [job] = await lose(queue, [{ takes: 10 }])
    const [neighbour] = await enqueue(queue, [{ takes: 120_000 }])
    new Fleet(1)
    await time.advance(30_000 + 9_000)
    expect(await queue.getJob(job!)).toMatchObject({ status: 'pending', lostLeases: 1 })
    await time.advance(3_000)
    expect(await queue.getJob(job!)).toMatchObject({ status: 'completed' })
    expect(await queue.getJob(neighbour!)).toMatchObject({ status: 'running' })
  })

  test('does not make its worker forget what is due later', async () => {
    const queue = reader()
    await suspects(queue, [{ takes: 10 }])
    const later = await queue.enqueue('job', { takes: 10 }, { delay: 5_000 })
    const fleet = new Fleet(1)
    await time.advance(1_000)
    expect(fleet.runs).toMatchObject([{ lostLeases: 1 }])
    await time.advance(4_100)
    expect(await queue.getJob(later)).toMatchObject({ status: 'completed' })
  })

  test('among many: ordinary jobs get at least half of the time', async () => {
    const queue = reader()
    await suspects(queue, times(20, { takes: 1_000 }))
    const ordinary = await enqueue(queue, times(1_000, { takes: 50 }))
    new Fleet(1)
    await time.advance(20_000)
    const { completed } = await queue.counts()
    const ordinaryIds = new Set(ordinary.map(({ id }) => id))
    const done = (await queue.listJobs({ status: 'completed', limit: 1_000 })).filter(({ id }) =>
      ordinaryIds.has(id),
    )
    // Five slots for ten of the twenty seconds would be 1,000; a good part of that.
    expect(done.length).toBeGreaterThan(500)
    expect(completed - done.length).toBeGreaterThan(5)
  })

  test('a deployment makes none: what a stopping worker gives back is no suspect', async () => {
    const queue = reader()
    await enqueue(queue, times(5, { takes: 60_000 }))
    const process = new SimulatedProcess(time, store)
    const handler: JobHandler<Payload> = async ({ payload }) => {
      await time.sleep(payload.takes!)
      return { success: true }
    }
    const processor = process.start({
      queue: process.queue(),
      handlers: new Map([['job', handler]]),
      gracePeriod: 100,
      timeoutGrace: 100,
    })
    await time.advance(50)
    const stopped = processor.stop()
    await time.advance(300)
    await stopped
    const fleet = new Fleet(1)
    await time.advance(100)
    expect(fleet.runs).toHaveLength(5)
    expect(fleet.runs.every(({ lostLeases }) => lostLeases === 0)).toBe(true)
  })
})

describe('a job that has spent its attempts is failed unrun', () => {
  test('where the policy now allows fewer than it had', async () => {
    const queue = reader()
    const { id } = await queue.enqueue('job', {})
    const failing: JobHandler = () => {
      throw new Error('no')
    }
    const definitionOf = (maxAttempts: number) =>
      defineJob({
        name: 'job',
        retry: { maxAttempts, initialDelay: 100, jitter: 0 },
        handler: failing,
      })
    const before = new SimulatedProcess(time, store)
    const processor = before.start({ queue: before.queue(), jobs: [definitionOf(5)] })
    await time.advance(350)
    await processor.stop()
    expect(await queue.getJob(id)).toMatchObject({ status: 'retrying', attempts: 3 })
    const after = new SimulatedProcess(time, store)
    const failures: string[] = []
    after.start({
      queue: after.queue(),
      jobs: [definitionOf(2)],
      onFailed: (_job, error) => failures.push(error.message),
    })
    await time.advance(2_000)
    expect(await queue.getJob(id)).toMatchObject({
      status: 'failed',
      error: { code: 'JOBS_WORKER_LOST' },
    })
    expect(failures).toEqual([`job ${id} has spent its attempts: this would be 4 of 2`])
  })
})
