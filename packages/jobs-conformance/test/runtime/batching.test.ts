import {
  EACH_TENANT,
  type JobOptions,
  type JobQueue,
  JobsError,
  type JobStore,
  type NewJob,
} from '@cgk/jobs-core'
import { createMemoryStore } from '@cgk/jobs-memory'
import { beforeEach, describe, expect, test } from 'vitest'
import { ManualTime } from './manual-time.ts'
import { refusal } from './refusal.ts'
import { SimulatedProcess } from './simulated-process.ts'
import { listeningStore, faultyStore } from './store-with.ts'

const time = new ManualTime()

function memory(): JobStore {
  return createMemoryStore({ clock: time.clock })
}

describe('calls that are made while the store is busy travel together', () => {
  test('100 enqueues of one tick are one call', async () => {
    const { store, requests } = listeningStore(memory())
    const queue = new SimulatedProcess(time, store).queue()
    await Promise.all(Array.from({ length: 100 }, (_, n) => queue.enqueue('job', n)))
    expect(requests<NewJob[]>('enqueue').map((jobs) => jobs.length)).toEqual([100])
  })

  test('100 enqueues that come one after the other while a call is under way are two', async () => {
    const gate = Promise.withResolvers<void>()
    const { store, requests } = listeningStore(
      faultyStore(memory(), (operation, proceed) =>
        operation === 'enqueue' ? gate.promise.then(proceed) : undefined,
      ),
    )
    const queue = new SimulatedProcess(time, store).queue()
    const calls: Promise<unknown>[] = []
    for (let n = 0; n < 100; n++) {
      calls.push(queue.enqueue('job', n))
      await time.settle()
    }
    gate.resolve()
    await Promise.all(calls)
    expect(requests<NewJob[]>('enqueue').map((jobs) => jobs.length)).toEqual([1, 99])
  })

  test('calls of several queues of one store travel together', async () => {
    const { store, requests } = listeningStore(memory())
    const process = new SimulatedProcess(time, store)
    const queues = ['a', 'b', 'c'].map((name) => process.queue({ name }))
    const jobs = await Promise.all(queues.map((queue) => queue.enqueue('job', queue.name)))
    expect(jobs.map(({ queue }) => queue)).toEqual(['a', 'b', 'c'])
    expect(requests('enqueue')).toHaveLength(1)
  })

  test('a call of its own is never split, and at most 1,000 jobs of several travel together', async () => {
    const { store, requests } = listeningStore(memory())
    const queue = new SimulatedProcess(time, store).queue()
    const many = (count: number) =>
      Array.from({ length: count }, () => ({ job: 'job', payload: 1 }))
    await Promise.all([
      queue.enqueueMany(many(600)),
      queue.enqueueMany(many(400)),
      queue.enqueueMany(many(1)),
      queue.enqueueMany(many(1_500)),
      queue.enqueueMany(many(2)),
    ])
    const sizes = requests<NewJob[]>('enqueue').map((jobs) => jobs.length)
    expect(sizes).toEqual([1_000, 1, 1_500, 2])
  })

  test('nothing is sent for an empty batch', async () => {
    const { store, requests } = listeningStore(memory())
    expect(await new SimulatedProcess(time, store).queue().enqueueMany([])).toEqual([])
    expect(requests('enqueue')).toEqual([])
  })

  test('each call resolves only when its own jobs are stored', async () => {
    const gates: PromiseWithResolvers<void>[] = []
    const store = faultyStore(memory(), (operation, proceed) => {
      if (operation !== 'enqueue') return undefined
      const gate = Promise.withResolvers<void>()
      gates.push(gate)
      return gate.promise.then(proceed)
    })
    const queue = new SimulatedProcess(time, store).queue()
    const resolved: number[] = []
    const enqueue = (n: number): void => {
      void queue.enqueue('job', n).then(() => resolved.push(n))
    }
    enqueue(1)
    await time.settle()
    enqueue(2)
    await time.settle()
    expect(resolved).toEqual([])
    gates[0]!.resolve()
    await time.settle()
    expect(resolved).toEqual([1])
    gates[1]!.resolve()
    await time.settle()
    expect(resolved).toEqual([1, 2])
  })
})

describe('calls that the store is slow to answer', () => {
  /** A store whose `enqueue` waits for a gate where a job has an id, and the payloads that it was sent. */
  function slowStore() {
    const gates: (() => void)[] = []
    const { store, requests } = listeningStore(
      faultyStore(memory(), (operation, proceed, jobs) => {
        if (operation !== 'enqueue') return undefined
        if ((jobs as NewJob[]).every(({ jobId }) => jobId === undefined)) return undefined
        const { promise, resolve } = Promise.withResolvers<void>()
        gates.push(resolve)
        return promise.then(proceed)
      }),
    )
    const queue = new SimulatedProcess(time, store).queue()
    const sent = () =>
      requests<NewJob[]>('enqueue').map((jobs) => jobs.map(({ payload }) => payload))
    return { queue, gates, sent }
  }

  test('are overtaken by the next after 100 ms, which then travel together', async () => {
    const { queue, gates, sent } = slowStore()
    const slow = queue.enqueue('job', 0, { jobId: 'held' })
    await time.settle()
    const others = [1, 2].map((n) => queue.enqueue('job', n))
    await time.advance(99)
    expect(sent()).toEqual([['0']])
    await time.advance(1)
    expect(sent()).toEqual([['0'], ['1', '2']])
    await Promise.all(others)
    gates[0]!()
    expect(await slow).toMatchObject({ id: 'held' })
    await queue.enqueue('job', 3)
  })

  test('are at most four at once; when one is answered the next goes out', async () => {
    const { queue, gates, sent } = slowStore()
    const calls: Promise<unknown>[] = []
    for (let n = 0; n < 6; n += 1) {
      calls.push(queue.enqueue('job', n, { jobId: `held-${n}` }))
      await time.advance(1_000 / 6)
    }
    expect(sent()).toEqual([['0'], ['1'], ['2'], ['3']])
    gates[2]!()
    await time.settle()
    expect(sent()).toEqual([['0'], ['1'], ['2'], ['3'], ['4', '5']])
    for (const open of gates) open()
    await Promise.all(calls)
  })

  test('and have an ordering key are overtaken by none that has one', async () => {
    const { queue, gates, sent } = slowStore()
    const options = { orderingKey: 'line' }
    const first = queue.enqueue('job', 0, { ...options, jobId: 'held' })
    await time.settle()
    const second = queue.enqueue('job', 1, options)
    const other = queue.enqueue('job', 2)
    await time.advance(1_000)
    await other
    expect(sent()).toEqual([['0'], ['2']])
    gates[0]!()
    await Promise.all([first, second])
    expect(sent()).toEqual([['0'], ['2'], ['1']])
  })
})

describe('a bad job fails its own caller alone', () => {
  test('where it is refused before it is sent', async () => {
    const queue = new SimulatedProcess(time, memory()).queue()
    const calls = [1, 1n, 3].map((payload) => queue.enqueue('job', payload))
    const settled = await Promise.allSettled(calls)
    expect(settled.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled'])
    expect((await queue.counts()).pending).toBe(2)
  })

  test('where its jobId is taken', async () => {
    const queue = new SimulatedProcess(time, memory()).queue()
    await queue.enqueue('job', 0, { jobId: 'taken' })
    const [before, conflict, after] = await Promise.allSettled([
      queue.enqueue('job', 1),
      queue.enqueue('job', 2, { jobId: 'taken' }),
      queue.enqueue('job', 3),
    ])
    expect([before.status, after.status]).toEqual(['fulfilled', 'fulfilled'])
    expect(conflict).toMatchObject({ reason: { code: 'JOBS_ID_CONFLICT' } })
  })

  test('where the store refuses it for good: the batch is halved until it is alone', async () => {
    // A store that cannot hold one of the jobs refuses the whole call, as an insert does.
    const refused = new JobsError('JOBS_UNSUPPORTED', 'this store takes no odd payloads')
    const sizes: number[] = []
    const store = faultyStore(memory(), (operation, _proceed, request) => {
      if (operation !== 'enqueue') return undefined
      const jobs = request as readonly NewJob[]
      sizes.push(jobs.length)
      return jobs.some(({ payload }) => Number(payload) % 2 === 1)
        ? Promise.reject(refused)
        : undefined
    })
    const queue = new SimulatedProcess(time, store).queue()
    const calls = [0, 1, 2, 3, 4].map((payload) => queue.enqueue('job', payload))
    const settled = await Promise.allSettled(calls)
    expect(settled.map(({ status }) => status)).toEqual([
      'fulfilled',
      'rejected',
      'fulfilled',
      'rejected',
      'fulfilled',
    ])
    expect(settled[1]).toMatchObject({ reason: refused })
    expect(sizes).toEqual([5, 2, 1, 1, 3, 1, 2, 1, 1])
    expect((await queue.counts()).pending).toBe(3)
  })

  describe('where a backlog has no room for it:', () => {
    let heard: ReturnType<typeof listeningStore>
    let queue: JobQueue

    beforeEach(async () => {
      heard = listeningStore(memory())
      queue = new SimulatedProcess(time, heard.store).queue()
      await queue.setLimits({ tenantId: EACH_TENANT }, { backlog: 5 })
    })

    const many = (tenantId: string, count: number, options: JobOptions = {}): Promise<unknown> =>
      queue.enqueueMany(
        Array.from({ length: count }, () => ({
          job: 'job',
          payload: 1,
          options: { tenantId, ...options },
        })),
      )

    test('what fits is stored, in its order, and nobody else hears of it', async () => {
      const settled = await Promise.allSettled([
        many('acme', 4),
        many('globex', 3),
        many('acme', 2),
        many('globex', 2),
        many('acme', 1),
      ])
      expect(settled.map(({ status }) => status)).toEqual([
        'fulfilled',
        'fulfilled',
        'rejected',
        'fulfilled',
        'fulfilled',
      ])
      expect(settled[2]).toMatchObject({
        reason: {
          code: 'JOBS_BACKLOG_FULL',
          retryable: true,
          message:
            'the backlog of tenant acme in queue default is full: 4 jobs wait, 2 more would pass its quota of 5; enqueue again once some have run',
          backlog: { queue: 'default', tenantId: 'acme', quota: 5, waiting: 4, more: 2 },
        },
      })
      expect(await queue.counts({ tenantId: 'acme' })).toMatchObject({ pending: 5 })
      expect(await queue.counts({ tenantId: 'globex' })).toMatchObject({ pending: 5 })
    })

    test('a tenant that floods its backlog costs the others one call more, not hundreds', async () => {
      const flood = Array.from({ length: 300 }, () => many('acme', 1))
      const other = many('globex', 1)
      const settled = await Promise.allSettled([...flood, other])
      expect(settled.filter(({ status }) => status === 'fulfilled')).toHaveLength(6)
      expect(settled.at(-1)?.status).toBe('fulfilled')
      const sizes = heard.requests<NewJob[]>('enqueue').map((jobs) => jobs.length)
      expect(sizes).toEqual([301, 1, 5])
    })

    test('nor does one whose jobs have ids or unique keys', async () => {
      const flood = Array.from({ length: 300 }, (_, n) =>
        many('acme', 1, n % 2 === 0 ? { jobId: `job-${n}` } : { uniqueKey: `key-${n}` }),
      )
      const settled = await Promise.allSettled([...flood, many('globex', 1)])
      expect(settled.filter(({ status }) => status === 'fulfilled')).toHaveLength(6)
      const sizes = heard.requests<NewJob[]>('enqueue').map((jobs) => jobs.length)
      expect(sizes).toEqual([301, 1, 5])
    })

    test('a job that the batch itself brings needs room once', async () => {
      await many('acme', 4)
      const settled = await Promise.allSettled([
        many('acme', 1, { jobId: 'new' }),
        many('acme', 1, { jobId: 'other' }),
        many('acme', 1, { jobId: 'new' }),
      ])
      expect(settled.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled'])
    })

    test('a job that is there already needs no room, whatever is refused beside it', async () => {
      await many('acme', 4)
      await many('acme', 1, { jobId: 'there' })
      const settled = await Promise.allSettled([
        many('acme', 1),
        many('acme', 1, { jobId: 'there' }),
        many('acme', 1, { jobId: 'new' }),
        many('acme', 1, { jobId: 'there' }),
      ])
      expect(settled.map(({ status }) => status)).toEqual([
        'rejected',
        'fulfilled',
        'rejected',
        'fulfilled',
      ])
    })
  })

  test('and a batch that holds it is stored in no part', async () => {
    const refused = new JobsError('JOBS_UNSUPPORTED', 'no')
    const store = faultyStore(memory(), (operation, _proceed, request) =>
      operation === 'enqueue' && (request as NewJob[]).some(({ payload }) => payload === '1')
        ? Promise.reject(refused)
        : undefined,
    )
    const queue = new SimulatedProcess(time, store).queue()
    const [many, single] = await Promise.allSettled([
      queue.enqueueMany([0, 1, 2].map((payload) => ({ job: 'job', payload }))),
      queue.enqueue('job', 3),
    ])
    expect(many).toMatchObject({ status: 'rejected', reason: refused })
    expect(single.status).toBe('fulfilled')
    expect((await queue.counts()).pending).toBe(1)
  })
})

describe('an error that is about the store', () => {
  test('fails every call of the batch, is not repeated, and says that a retry may help', async () => {
    let calls = 0
    const store = faultyStore(memory(), (operation) => {
      if (operation !== 'enqueue') return undefined
      calls += 1
      return Promise.reject(new Error('connection reset by hunter2@db'))
    })
    const queue = new SimulatedProcess(time, store).queue()
    const errors = await Promise.all([1, 2, 3].map((n) => refusal(() => queue.enqueue('job', n))))
    expect(calls).toBe(1)
    for (const error of errors) {
      expect(error).toMatchObject({
        code: 'JOBS_STORE_UNAVAILABLE',
        retryable: true,
        message: 'the memory store failed to answer enqueue',
        cause: new Error('connection reset by hunter2@db'),
      })
    }
  })

  test('does not stop the next batch', async () => {
    let broken = true
    const store = faultyStore(memory(), (operation) =>
      operation === 'enqueue' && broken ? Promise.reject(new Error('reset')) : undefined,
    )
    const queue = new SimulatedProcess(time, store).queue()
    await refusal(() => queue.enqueue('job', 1))
    broken = false
    expect(await queue.enqueue('job', 2)).toMatchObject({ payload: 2 })
  })

  test('silence: the call ends after 5 s, its signal has aborted, and the next goes through', async () => {
    let silent = true
    let aborted: unknown
    const inner = memory()
    const store = faultyStore(inner, () => undefined)
    const overridden: JobStore = new Proxy(store, {
      get(target, key, receiver) {
        if (key !== 'enqueue' || !silent) return Reflect.get(target, key, receiver) as unknown
        return (_jobs: unknown, options: { signal: AbortSignal }) => {
          options.signal.addEventListener('abort', () => {
            aborted = options.signal.reason
          })
          return new Promise(() => {})
        }
      },
    })
    const queue = new SimulatedProcess(time, overridden).queue()
    const call = refusal(() => queue.enqueue('job', 1))
    await time.advance(4_999)
    expect(aborted).toBeUndefined()
    await time.advance(1)
    const error = await call
    expect(error).toMatchObject({ code: 'JOBS_STORE_TIMEOUT', retryable: true })
    expect(error.message).toBe(
      'the memory store did not answer enqueue within 5000 ms; whether it took effect is unknown',
    )
    expect(aborted).toBe(error)
    silent = false
    expect(await queue.enqueue('job', 2)).toMatchObject({ payload: 2 })
  })

  test('a lost reply: the same jobId again returns the job that was stored', async () => {
    let loseReply = true
    const store = faultyStore(memory(), (operation, proceed) => {
      if (operation !== 'enqueue' || !loseReply) return undefined
      loseReply = false
      return proceed().then(() => Promise.reject(new Error('connection reset')))
    })
    const queue = new SimulatedProcess(time, store).queue()
    const enqueue = () => queue.enqueue('job', { n: 1 }, { jobId: 'order-1' })
    expect((await refusal(enqueue)).retryable).toBe(true)
    expect(await enqueue()).toMatchObject({ id: 'order-1', status: 'pending' })
    expect((await queue.counts()).pending).toBe(1)
  })
})

describe('enqueueMany', () => {
  test('answers in the order of its input, existing jobs included', async () => {
    const queue = new SimulatedProcess(time, memory()).queue()
    const existing = await queue.enqueue('job', 1, { jobId: 'b' })
    time.pass(10)
    const jobs = await queue.enqueueMany([
      { job: 'job', payload: 0, options: { jobId: 'a' } },
      { job: 'job', payload: 1, options: { jobId: 'b' } },
      { job: 'job', payload: 2, options: { jobId: 'c' } },
    ])
    expect(jobs.map(({ id }) => id)).toEqual(['a', 'b', 'c'])
    expect(jobs[1]).toEqual({ ...existing, duplicate: true })
  })

  test('says which job’s id is taken, and stores none of them', async () => {
    const queue = new SimulatedProcess(time, memory()).queue()
    await queue.enqueue('job', 1, { jobId: 'taken' })
    const error = await refusal(() =>
      queue.enqueueMany([
        { job: 'job', payload: 0 },
        { job: 'job', payload: 2, options: { jobId: 'taken' } },
      ]),
    )
    expect(error.code).toBe('JOBS_ID_CONFLICT')
    expect(error.message).toMatch(/^job 1 of the batch: job id taken belongs to another job/)
    expect((await queue.counts()).pending).toBe(1)
  })

  test('refuses two different jobs of one id, and stores neither', async () => {
    const queue = new SimulatedProcess(time, memory()).queue()
    const error = await refusal(() =>
      queue.enqueueMany([
        { job: 'job', payload: 0, options: { jobId: 'same' } },
        { job: 'job', payload: 0, options: { jobId: 'same', tenantId: 'acme' } },
        { job: 'job', payload: 1, options: { jobId: 'same' } },
      ]),
    )
    expect(error.code).toBe('JOBS_ID_CONFLICT')
    expect(error.message).toMatch(/^job 2 of the batch: /)
    expect((await queue.counts()).pending).toBe(0)
  })

  test('takes one job twice as one job', async () => {
    const queue = new SimulatedProcess(time, memory()).queue()
    const request = { job: 'job', payload: { a: 1 }, options: { jobId: 'same' } }
    const [first, second] = await queue.enqueueMany([request, request])
    expect(second).toEqual({ ...first, duplicate: true })
    expect((await queue.counts()).pending).toBe(1)
  })

  test.each([null, undefined, 7])('of %s in place of a job names the index', async (bad) => {
    const queue = new SimulatedProcess(time, memory()).queue()
    const error = await refusal(() =>
      queue.enqueueMany([
        { job: 'job', payload: 1 },
        bad as unknown as { job: string; payload: 1 },
      ]),
    )
    expect(error.message).toMatch(/^job 1 of the batch: /)
    expect((await queue.counts()).pending).toBe(0)
  })
})
