import {
  type JobHandler,
  type JobQueue,
  JobsError,
  type JobStore,
  type Settlement,
} from '@cgk/jobs-core'
import { createMemoryStore } from '@cgk/jobs-memory'
import { beforeEach, describe, expect, test, vi } from 'vitest'
import { ManualTime } from './manual-time.ts'
import { SimulatedProcess } from './simulated-process.ts'
import { type Fault, faultyStore, storeWith } from './store-with.ts'

// An unhandled rejection fails the run as a whole, so that none of these tests has to look for one.

let time: ManualTime
let inner: JobStore

beforeEach(() => {
  time = new ManualTime()
  inner = createMemoryStore({ clock: time.clock })
})

interface Started {
  readonly process: SimulatedProcess
  readonly queue: JobQueue
  readonly runs: string[]
  readonly completions: string[]
}

/** A worker whose store has the fault, and what it ran and announced. */
function start(fault: Fault, concurrency = 5): Started {
  const process = new SimulatedProcess(time, faultyStore(inner, fault))
  const queue = process.queue()
  const runs: string[] = []
  const completions: string[] = []
  const handler: JobHandler = ({ id }) => {
    runs.push(id)
    return { success: true }
  }
  process.start({
    queue,
    handlers: new Map([['job', handler]]),
    maxConcurrency: concurrency,
    onComplete: ({ id }) => completions.push(id),
  })
  return { process, queue, runs, completions }
}

const reset = (): Promise<never> => Promise.reject(new Error('connection reset'))
const silence = (): Promise<never> => new Promise(() => {})

type Trouble = readonly [name: string, fault: (proceed: () => Promise<unknown>) => Promise<unknown>]

const TROUBLES: readonly Trouble[] = [
  ['fails', reset],
  [
    'throws at once',
    () => {
      throw new Error('not even a promise')
    },
  ],
  ['is never answered', silence],
  ['is applied and its reply lost', (proceed) => proceed().then(reset)],
  ['is applied and never answered', (proceed) => proceed().then(silence)],
  [
    'is refused as worth a retry',
    () =>
      Promise.reject(new JobsError('JOBS_STORE_UNAVAILABLE', 'restarting', { retryable: true })),
  ],
]

describe.each(TROUBLES)('a settle that %s', (_name, fault) => {
  test('is repeated until answered; each job runs once and is announced once', async () => {
    let troubles = 3
    const tokens = new Map<string, Set<string>>()
    const { process, queue, runs, completions } = start((operation, proceed, request) => {
      const { settlements = [] } = request as { settlements?: readonly Settlement[] }
      if (operation !== 'settle' || settlements.length === 0) return undefined
      for (const { lease } of settlements) {
        const seen = tokens.get(lease.id) ?? new Set()
        tokens.set(lease.id, seen.add(lease.token))
      }
      return troubles-- > 0 ? fault(proceed) : undefined
    })
    const jobs = await Promise.all(Array.from({ length: 20 }, (_, n) => queue.enqueue('job', n)))
    await time.advance(30_000)
    expect(troubles).toBeLessThanOrEqual(0)
    expect(await queue.counts()).toMatchObject({ completed: 20 })
    const ids = jobs.map(({ id }) => id).toSorted()
    expect(runs.toSorted()).toEqual(ids)
    expect(completions.toSorted()).toEqual(ids)
    for (const { attempts } of await queue.listJobs()) expect(attempts).toBe(1)
    // Repeated with the token it had, which is what makes the repetition safe.
    expect([...tokens.values()].every(({ size }) => size === 1)).toBe(true)
    expect(process.messages).toContain('settling was not answered; it is repeated until it is')
  })
})

describe.each(TROUBLES)('a claim that %s', (name, fault) => {
  test('is repeated, and every job runs in the end', async () => {
    let troubles = 3
    const { process, queue } = start((operation, proceed) =>
      operation === 'claim' && troubles-- > 0 ? fault(proceed) : undefined,
    )
    await Promise.all(Array.from({ length: 20 }, (_, n) => queue.enqueue('job', n)))
    await time.advance(60_000)
    expect(troubles).toBeLessThan(0)
    expect(await queue.counts()).toMatchObject({ completed: 20 })
    expect(process.messages).toContain('claiming failed; it is repeated')
    // Jobs that a lost claim had taken come back by their leases, and no attempt is spent on that.
    const attempts = (await queue.listJobs()).map((job) => job.attempts)
    expect(new Set(attempts), name).toEqual(new Set([1]))
  })
})

describe.each(TROUBLES)('an upkeep that %s', (_name, fault) => {
  test('is repeated: leases of a vanished worker come back in the end', async () => {
    const vanishing = new SimulatedProcess(time, inner)
    const lost = await vanishing.queue().enqueue('job', 0)
    await vanishing.queue().dequeue()
    vanishing.die()
    let troubles = 3
    const { process, queue, runs } = start((operation, proceed) =>
      operation === 'maintain' && troubles-- > 0 ? fault(proceed) : undefined,
    )
    await time.advance(90_000)
    expect(troubles).toBeLessThan(0)
    expect(runs).toEqual([lost.id])
    expect(await queue.getJob(lost)).toMatchObject({ status: 'completed', lostLeases: 1 })
    expect(process.messages).toContain('upkeep of the store failed; it is repeated')
  })
})

describe.each(TROUBLES)('a heartbeat that for 10 s %s', (_name, fault) => {
  test('costs the attempt its lease and never the worker: the job runs again, one at a time', async () => {
    let troubled = true
    const process = new SimulatedProcess(
      time,
      faultyStore(inner, (operation, proceed) =>
        operation === 'extend' && troubled ? fault(proceed) : undefined,
      ),
    )
    const queue = process.queue()
    const reasons: unknown[] = []
    let running = 0
    let most = 0
    const handler: JobHandler = async (_job, { signal }) => {
      running += 1
      most = Math.max(most, running)
      await Promise.race([
        time.sleep(8_000),
        new Promise((resolve) => {
          signal.addEventListener('abort', resolve)
        }),
      ])
      running -= 1
      if (signal.aborted) reasons.push((signal.reason as JobsError).code)
      signal.throwIfAborted()
      return { success: true }
    }
    process.start({ queue, handlers: new Map([['job', handler]]) })
    const { id } = await queue.enqueue('job', {})
    await time.advance(10_000)
    troubled = false
    await time.advance(30_000)
    expect(await queue.getJob(id)).toMatchObject({ status: 'completed', attempts: 1 })
    expect(reasons.length).toBeGreaterThan(0)
    expect(new Set(reasons)).toEqual(new Set(['JOBS_LEASE_LOST']))
    expect(most).toBe(1)
    expect(process.messages).toContain('a heartbeat was not answered; it is repeated')
  })
})

describe.each(TROUBLES)('every call for 20 s %s', (_name, fault) => {
  test('and within 7 s of its end the work goes on, nothing lost and nothing run twice', async () => {
    let troubled = false
    const { queue, runs, completions } = start((_operation, proceed) =>
      troubled ? fault(proceed) : undefined,
    )
    const jobs = await queue.enqueueMany(
      Array.from({ length: 50 }, (_, n) => ({
        job: 'job',
        payload: n,
        options: { delay: n * 100 },
      })),
    )
    await time.advance(1_000)
    troubled = true
    await time.advance(20_000)
    expect(runs.length).toBeLessThan(50)
    troubled = false
    // A call's deadline and the longest pause between tries.
    await time.advance(5_000 + 2_000)
    expect(await queue.counts()).toMatchObject({ completed: 50 })
    const ids = jobs.map(({ id }) => id).toSorted()
    expect(runs.toSorted()).toEqual(ids)
    expect(completions.toSorted()).toEqual(ids)
  })
})

describe('a settlement that the store refuses for good', () => {
  test('stops no other; its lease ends by itself and the job runs again', async () => {
    let refusedId: string | undefined
    let wasAlone = false
    const { process, queue, runs } = start((operation, _proceed, request) => {
      const { settlements = [] } = request as { settlements?: readonly Settlement[] }
      if (operation !== 'settle' || wasAlone) return undefined
      if (!settlements.some(({ lease }) => lease.id === refusedId)) return undefined
      wasAlone = settlements.length === 1 && !('claim' in (request as object))
      return Promise.reject(new JobsError('JOBS_UNSUPPORTED', 'not like this'))
    })
    const jobs = await Promise.all(Array.from({ length: 5 }, (_, n) => queue.enqueue('job', n)))
    refusedId = jobs[2]!.id
    await time.advance(100)
    expect(await queue.counts()).toMatchObject({ completed: 4, running: 1 })
    expect(process.messages).toContain(
      'the store refused a settlement; its lease will end by itself',
    )
    await time.advance(5_000)
    expect(await queue.getJob(refusedId)).toMatchObject({ status: 'completed', lostLeases: 1 })
    expect(runs.filter((id) => id === refusedId)).toHaveLength(2)
  })

  test('is not given up for a claim that was refused with it', async () => {
    const { queue, runs } = start((operation, _proceed, request) => {
      const { settlements = [], claim } = request as {
        settlements?: readonly Settlement[]
        claim?: unknown
      }
      // A store that takes no settlements together with a claim.
      return operation === 'settle' && settlements.length > 0 && claim !== undefined
        ? Promise.reject(new JobsError('JOBS_UNSUPPORTED', 'one at a time'))
        : undefined
    })
    const { id } = await queue.enqueue('job', 1)
    await time.advance(10_000)
    expect(await queue.getJob(id)).toMatchObject({ status: 'completed', lostLeases: 0 })
    expect(runs).toEqual([id])
  })
})

describe('one bad row', () => {
  const columns = ['payload', 'metadata', 'progress', 'result'] as const
  test.each(columns)(
    'whose %s cannot be read fails for good and stops no other',
    async (column) => {
      let badId = ''
      const process = new SimulatedProcess(
        time,
        storeWith(inner, {
          async claim(request, options) {
            const result = await inner.claim(request, options)
            const jobs = result.jobs.map((job) =>
              job.id === badId ? { ...job, [column]: '{"secret":"hunter2' } : job,
            )
            return { ...result, jobs }
          },
        }),
      )
      const queue = process.queue()
      const bad = await queue.enqueue('job', 'bad', { metadata: {} })
      badId = bad.id
      const good = await Promise.all(Array.from({ length: 5 }, (_, n) => queue.enqueue('job', n)))
      const failures: string[] = []
      const handler: JobHandler = () => ({ success: true })
      process.start({
        queue,
        handlers: new Map([['job', handler]]),
        onFailed: (job, error) => failures.push(`${job.id} ${error.message}`),
      })
      await time.advance(100)
      for (const job of good) {
        expect(await queue.getJob(job)).toMatchObject({ status: 'completed', attempts: 1 })
      }
      const message = `the stored ${column} of job ${badId} (job) is not JSON`
      expect(await queue.getJob(bad)).toMatchObject({
        status: 'failed',
        error: { code: 'JOBS_PAYLOAD_UNREADABLE', message, retryable: false },
      })
      expect(failures).toEqual([`${badId} ${message}`])
      expect(process.log).toEqual([])
    },
  )

  test.each(columns)('whose %s cannot be read hides no other from readers', async (column) => {
    const corrupt = <T extends { id: string } | null>(record: T): T =>
      record?.id === 'bad' ? { ...record, [column]: 'hunter2' } : record
    const process = new SimulatedProcess(
      time,
      storeWith(inner, {
        async get(refs, options) {
          return (await inner.get(refs, options)).map(corrupt)
        },
        async list(request, options) {
          const page = await inner.list(request, options)
          return { ...page, jobs: page.jobs.map(corrupt) }
        },
      }),
    )
    const queue = process.queue()
    await queue.enqueue('job', 1, { jobId: 'good' })
    await queue.enqueue('job', 2, { jobId: 'bad' })
    const jobs = await queue.listJobs()
    expect(jobs.map(({ id }) => id)).toEqual(['bad', 'good'])
    expect(jobs[1]).toMatchObject({ payload: 1 })
    const bad = await queue.getJob('bad')
    expect(bad).toMatchObject({ id: 'bad', error: { code: 'JOBS_PAYLOAD_UNREADABLE' } })
    expect(JSON.stringify(bad)).not.toContain('hunter2')
  })
})

describe('a store that takes long to open', () => {
  test('makes calls wait, whose deadlines begin when it is open', async () => {
    const { promise, resolve } = Promise.withResolvers<void>()
    const process = new SimulatedProcess(time, storeWith(inner, { open: () => promise }))
    const queue = process.queue()
    const stored = Promise.all([queue.enqueue('job', 1), queue.enqueue('job', 2)])
    await time.advance(60_000)
    resolve()
    await stored
    expect(await queue.counts()).toMatchObject({ pending: 2 })
  })

  test('and then does not open refuses them, and may open for the next', async () => {
    const open = vi.fn<() => Promise<void>>().mockRejectedValueOnce(new Error('in use'))
    const process = new SimulatedProcess(time, storeWith(inner, { open }))
    const queue = process.queue()
    await expect(queue.enqueue('job', 1)).rejects.toMatchObject({
      code: 'JOBS_STORE_UNAVAILABLE',
      cause: { message: 'in use' },
    })
    open.mockResolvedValue()
    await queue.enqueue('job', 2)
    await queue.enqueue('job', 3)
    expect(open).toHaveBeenCalledTimes(2)
  })
})
