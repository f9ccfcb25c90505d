import { currentTenant, withTenant } from '@cgk/core'
import {
  defineJob,
  type Job,
  type JobQueue,
  type JobQueueConfig,
  type JobStore,
  type ScheduleListFilter,
  type ScheduleSpec,
} from '@cgk/jobs-core'
import { createMemoryStore } from '@cgk/jobs-memory'
import { beforeEach, describe, expect, test } from 'vitest'
import { ManualTime } from './manual-time.ts'
import { refusal } from './refusal.ts'
import { SimulatedProcess } from './simulated-process.ts'
import { schemaOf } from './standard-schema.ts'
import { faultyStore } from './store-with.ts'

const SECOND = 1_000
const MINUTE = 60 * SECOND
const HOUR = 60 * MINUTE

let time: ManualTime
let store: JobStore
let process: SimulatedProcess
let queue: JobQueue

beforeEach(() => {
  time = new ManualTime()
  store = createMemoryStore({ clock: time.clock })
  process = new SimulatedProcess(time, store)
  queue = process.queue()
})

const everyMinute = { job: 'tick', payload: {}, every: MINUTE } as const

/** Processes the queue in a process of its own, until it is stopped or dies. */
function work(
  worker: SimulatedProcess = new SimulatedProcess(time, store),
  config: Partial<JobQueueConfig<[]>> = {},
) {
  const handlers = new Map([['tick', async () => ({ success: true as const })]])
  return worker.start({ queue: worker.queue(config), handlers })
}

/** The ticks that have jobs, in milliseconds after `from`. */
async function ticks(from: number, id = 'minutely'): Promise<number[]> {
  const jobs = await queue.listJobs({ scheduleId: id, limit: 1_000 })
  return jobs.map((job) => job.tickAt!.getTime() - from).toSorted((left, right) => left - right)
}

function minutes(...counts: number[]): number[] {
  return counts.map((count) => count * MINUTE)
}

describe('a schedule', () => {
  test('makes one job at each of its ticks, at its time', async () => {
    const start = time.clock.now()
    await queue.schedule('minutely', { ...everyMinute, payload: { n: 1 } })
    work()
    await time.advance(3 * MINUTE)
    const jobs = await queue.listJobs({ scheduleId: 'minutely' })
    expect(await ticks(start)).toEqual(minutes(1, 2, 3))
    for (const job of jobs) {
      expect(job).toMatchObject({ name: 'tick', payload: { n: 1 }, scheduleId: 'minutely' })
      expect(job.createdAt).toEqual(job.tickAt)
    }
    expect(await queue.schedules.get('minutely')).toMatchObject({
      nextAt: new Date(start + 4 * MINUTE),
      lastRun: { tickAt: new Date(start + 3 * MINUTE), jobs: 1 },
      lastOutcome: { status: 'completed', tickAt: new Date(start + 3 * MINUTE) },
    })
  })

  test('follows the wall clock of its time zone', async () => {
    const noon = Date.UTC(2026, 0, 5, 17)
    await queue.schedule('noon', {
      job: 'tick',
      payload: {},
      cron: '0 12 * * *',
      timezone: 'EST5EDT',
    })
    work()
    await time.advance(8.5 * HOUR)
    expect(await ticks(noon, 'noon')).toEqual([0])
  })

  test('is noticed by a worker that runs already, within a second', async () => {
    work()
    await time.advance(10 * MINUTE)
    const start = time.clock.now()
    await queue.schedule('secondly', { ...everyMinute, every: 2 * SECOND })
    await time.advance(6 * SECOND)
    expect(await ticks(start, 'secondly')).toEqual([2, 4, 6].map((s) => s * SECOND))
  })

  test('has ticks from its start on and before its end', async () => {
    const start = time.clock.now()
    const spec = {
      ...everyMinute,
      startAt: new Date(start + 5 * MINUTE),
      endAt: new Date(start + 8 * MINUTE),
    }
    await queue.schedule('minutely', spec)
    work()
    await time.advance(20 * MINUTE)
    expect(await ticks(start)).toEqual(minutes(5, 6, 7))
    expect(await queue.schedules.get('minutely')).not.toHaveProperty('nextAt')
  })

  test('keeps its ticks over a restart, counted from where it began', async () => {
    const start = time.clock.now()
    await queue.schedule('minutely', everyMinute)
    await time.advance(90 * SECOND)
    const later = new SimulatedProcess(time, store)
    const again = await later.queue().schedule('minutely', everyMinute)
    expect(again).toMatchObject({ revision: 1, nextAt: new Date(start + MINUTE) })
    expect(await queue.schedules.preview('minutely', 2)).toEqual([
      new Date(start + 2 * MINUTE),
      new Date(start + 3 * MINUTE),
    ])
  })

  test('uses what the processor knows of the job', async () => {
    const job = defineJob({
      name: 'tick',
      options: { priority: 7 },
      concurrencyLimit: 2,
      handler: async () => ({ success: true }),
    })
    await queue.schedule('minutely', {
      ...everyMinute,
      job,
      options: { concurrencyKey: 'k', headers: { a: 'b' } },
    })
    const worker = new SimulatedProcess(time, store)
    worker.start({ queue: worker.queue(), jobs: [job] })
    await time.advance(MINUTE)
    const [made] = await queue.listJobs({ scheduleId: 'minutely' })
    expect(made).toMatchObject({ priority: 7, concurrencyKey: 'k', headers: { a: 'b' } })
  })
})

describe('with several processes', () => {
  test('each tick makes exactly one job, also when they are killed at any call', async () => {
    const start = time.clock.now()
    await queue.schedule('minutely', { ...everyMinute, catchUp: 'all', catchUpLimit: 1_000 })
    // Each process vanishes at another of its calls, before or after the store has carried it out.
    for (let call = 1; call <= 40; call++) {
      const dying: { process?: SimulatedProcess; calls: number } = { calls: 0 }
      const faulty = faultyStore(store, (operation, proceed) => {
        if (operation !== 'dueSchedules' && operation !== 'advanceSchedules') return undefined
        dying.calls += 1
        if (dying.calls !== Math.ceil(call / 2)) return undefined
        const answer = call % 2 === 0 ? proceed() : new Promise(() => {})
        dying.process!.die()
        return answer
      })
      dying.process = new SimulatedProcess(time, faulty)
      work(dying.process)
      if (call % 5 === 0) work()
      await time.advance(17 * SECOND)
    }
    work()
    await time.advance(2 * MINUTE)
    const passed = Math.floor((time.clock.now() - start) / MINUTE)
    expect(await ticks(start)).toEqual(minutes(...Array.from({ length: passed }, (_, n) => n + 1)))
  })
})

describe('after a downtime', () => {
  const late = 10 * MINUTE + 30 * SECOND

  test.each([
    ['once', {}, [10, 11]],
    ['once, too late for skip', { every: 3 * MINUTE }, [9, 12]],
    ['skip', { catchUp: 'skip' }, [10, 11]],
    ['skip, too late', { catchUp: 'skip', every: 3 * MINUTE }, [12]],
    ['all', { catchUp: 'all' }, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]],
    ['all, limited', { catchUp: 'all', catchUpLimit: 3 }, [8, 9, 10, 11]],
  ] as const)('catchUp %s', async (_, spec, expected) => {
    const start = time.clock.now()
    await queue.schedule('minutely', { ...everyMinute, ...spec })
    await time.advance(late)
    work()
    await time.advance(expected.at(-1)! * MINUTE - late)
    expect(await ticks(start)).toEqual(minutes(...expected))
  })

  test('a large backlog is dealt with in several steps', async () => {
    const start = time.clock.now()
    const spec = { ...everyMinute, catchUp: 'all', catchUpLimit: 10_000 } as const
    await queue.schedule('minutely', spec)
    await time.advance(2_500 * MINUTE)
    const steps: number[] = []
    const listening = faultyStore(store, (operation, _, request) => {
      if (operation !== 'advanceSchedules') return undefined
      for (const { ticks: found } of request as { ticks: unknown[] }[]) steps.push(found.length)
      return undefined
    })
    work(new SimulatedProcess(time, listening))
    await time.advance(SECOND)
    expect(steps).toEqual([1_000, 1_000, 500])
    const { lastRun } = (await queue.schedules.get('minutely'))!
    expect(lastRun!.tickAt).toEqual(new Date(start + 2_500 * MINUTE))
  })
})

describe('declaring a schedule again', () => {
  test('changes nothing when it is the same, and the payload from the next job on', async () => {
    const start = time.clock.now()
    await queue.schedule('minutely', { ...everyMinute, payload: { a: 1, b: 2 } })
    const same = await queue.schedule('minutely', { ...everyMinute, payload: { b: 2, a: 1 } })
    expect(same.revision).toBe(1)
    await time.advance(90 * SECOND)
    const changed = await queue.schedule('minutely', { ...everyMinute, payload: { a: 3 } })
    expect(changed).toMatchObject({ revision: 2, nextAt: new Date(start + MINUTE) })
    work()
    await time.advance(SECOND)
    expect(await ticks(start)).toEqual(minutes(1))
    expect(await queue.listJobs({ scheduleId: 'minutely' })).toMatchObject([{ payload: { a: 3 } }])
  })

  test('deals with the ticks that were due before it changes the times', async () => {
    const start = time.clock.now()
    await queue.schedule('minutely', { ...everyMinute, catchUp: 'all' })
    await time.advance(150 * SECOND)
    const changed = await queue.schedule('minutely', {
      ...everyMinute,
      catchUp: 'all',
      every: HOUR,
    })
    expect(await ticks(start)).toEqual(minutes(1, 2))
    expect(changed).toMatchObject({ nextAt: new Date(start + 150 * SECOND + HOUR), revision: 2 })
  })

  test('many times at once ends in one of them, once each', async () => {
    const processes = Array.from({ length: 10 }, () => new SimulatedProcess(time, store))
    const answers = await Promise.all(
      processes.map((each, n) =>
        each.queue().schedule('minutely', { ...everyMinute, payload: { n } }),
      ),
    )
    expect(answers.map(({ revision }) => revision).toSorted((a, b) => a - b)).toEqual([
      1, 2, 3, 4, 5, 6, 7, 8, 9, 10,
    ])
    const last = answers.find(({ revision }) => revision === 10)!
    expect((await queue.schedules.get('minutely'))!.payload).toEqual(last.payload)
  })
})

describe('operators', () => {
  test('pause a schedule: its ticks are passed over, also by a declaration', async () => {
    const start = time.clock.now()
    await queue.schedule('minutely', { ...everyMinute, catchUp: 'all' })
    work()
    await time.advance(MINUTE)
    expect(await queue.schedules.pause('minutely')).toMatchObject({ paused: true })
    await queue.schedules.pause('minutely')
    await time.advance(5 * MINUTE)
    expect(
      await queue.schedule('minutely', { ...everyMinute, catchUp: 'all', payload: 1 }),
    ).toMatchObject({ paused: true })
    await queue.schedules.resume('minutely')
    await queue.schedules.resume('minutely')
    await time.advance(MINUTE)
    expect(await ticks(start)).toEqual(minutes(1, 7))
  })

  test('run one out of turn, which leaves its ticks as they are', async () => {
    const start = time.clock.now()
    await queue.schedule('minutely', { ...everyMinute, payload: 5 })
    const job = await queue.schedules.runNow('minutely')
    expect(job).toMatchObject({ name: 'tick', payload: 5, scheduleId: 'minutely' })
    expect(job).not.toHaveProperty('tickAt')
    expect(await queue.getJob(job)).toEqual(job)
    expect((await queue.schedules.get('minutely'))!.nextAt).toEqual(new Date(start + MINUTE))
  })

  test('list, preview and remove', async () => {
    for (const id of ['c', 'a', 'b']) await queue.schedule(id, everyMinute)
    await queue.schedule('z', { ...everyMinute, options: { tenantId: 'acme' } })
    const page = await queue.schedules.list({ limit: 2, tenantId: null })
    expect(page.map(({ id }) => id)).toEqual(['a', 'b'])
    const next = await queue.schedules.list({ limit: 2, tenantId: null, cursor: page.nextCursor })
    expect(next.map(({ id }) => id)).toEqual(['c'])
    expect((await queue.schedules.list()).map(({ id }) => id)).toEqual(['a', 'b', 'c', 'z'])
    const inTenant = await withTenant('acme', () => queue.schedules.list())
    expect(inTenant).toMatchObject([{ id: 'z', tenantId: 'acme', options: { tenantId: 'acme' } }])
    expect(await queue.schedules.preview({ cron: '0 0 L * *' }, 2)).toEqual([
      new Date(Date.UTC(2026, 0, 31)),
      new Date(Date.UTC(2026, 1, 28)),
    ])
    await queue.schedules.remove('a')
    expect(await queue.schedules.get('a')).toBeNull()
    for (const call of ['remove', 'pause', 'resume', 'runNow', 'preview'] as const) {
      expect((await refusal(() => queue.schedules[call]('a'))).code).toBe('JOBS_SCHEDULE_NOT_FOUND')
    }
  })
})

describe('overlap', () => {
  test("'skip' makes no job while that of an earlier tick has not ended", async () => {
    const start = time.clock.now()
    await queue.schedule('minutely', { ...everyMinute, overlap: 'skip' })
    let release = (): void => {}
    const handler = () =>
      new Promise<{ success: true }>((resolve) => {
        release = () => resolve({ success: true })
      })
    process.start({ queue, handlers: new Map([['tick', handler]]) })
    await time.advance(3 * MINUTE)
    expect(await ticks(start)).toEqual(minutes(1))
    expect(await queue.schedules.get('minutely')).toMatchObject({ lastRun: { jobs: 0 } })
    expect(await queue.schedules.runNow('minutely')).toMatchObject({ duplicate: true })
    release()
    await time.advance(MINUTE)
    expect(await ticks(start)).toEqual(minutes(1, 4))
  })

  test("a tenant's schedule and one for each tenant hold nothing of each other", async () => {
    const all = process.queue({ tenants: ['acme'] })
    const spec = { ...everyMinute, overlap: 'skip' } as const
    await all.schedule('minutely', { ...spec, payload: { of: 'all' }, forEach: 'tenant' })
    await withTenant('acme', () => all.schedule('minutely', { ...spec, payload: { of: 'own' } }))
    const jobsOf = async (of: string) => {
      const jobs = await queue.listJobs({ scheduleId: 'minutely', tenantId: 'acme' })
      return jobs.filter((job) => (job as Job).payload['of'] === of)
    }
    const outcomes = async () => {
      const [forAll, own] = await queue.schedules.list()
      return [forAll!.lastOutcome?.jobId, own!.lastOutcome?.jobId]
    }
    let finish = (): void => {}
    const handler = (job: Job) =>
      new Promise<{ success: true }>((resolve) => {
        if (job.payload['of'] === 'all') finish = () => resolve({ success: true })
      })
    process.start({ queue: all, maxConcurrency: 2, handlers: new Map([['tick', handler]]) })
    await time.advance(2 * MINUTE)
    expect(await jobsOf('all')).toHaveLength(1)
    expect(await jobsOf('own')).toHaveLength(1)

    finish()
    await time.advance(MINUTE)
    expect(await jobsOf('all')).toHaveLength(2)
    expect(await jobsOf('own')).toHaveLength(1)
    expect(await outcomes()).toEqual([(await jobsOf('all')).at(-1)!.id, undefined])
  })
})

describe('tenants', () => {
  test('a schedule belongs to the current tenant, and so do its jobs', async () => {
    await withTenant('acme', () => queue.schedule('minutely', everyMinute))
    expect(await queue.schedules.get('minutely')).toBeNull()
    const seen: unknown[] = []
    const handler = async (job: Job) => {
      seen.push([job.tenantId, currentTenant()])
      return { success: true as const }
    }
    process.start({ queue, handlers: new Map([['tick', handler]]) })
    await time.advance(MINUTE)
    expect(seen).toEqual([['acme', 'acme']])
  })

  test('a schedule without one makes jobs without one, wherever its worker was started', async () => {
    await queue.schedule('minutely', everyMinute)
    withTenant('acme', () => work())
    await time.advance(MINUTE)
    expect((await queue.listJobs())[0]).not.toHaveProperty('tenantId')
  })

  test("forEach: 'tenant' makes a job for each, asked at each tick", async () => {
    const start = time.clock.now()
    let tenants = ['acme', 'globex', 'acme']
    const config = { tenants: async () => tenants, tenancy: 'required' } as const
    const all = process.queue(config)
    await all.schedule('minutely', { ...everyMinute, forEach: 'tenant' })
    work(new SimulatedProcess(time, store), config)
    await time.advance(MINUTE)
    tenants = ['initech']
    await time.advance(MINUTE)
    tenants = []
    await time.advance(MINUTE)
    const jobs = await queue.listJobs({ scheduleId: 'minutely' })
    const made = jobs.map((job) => [job.tenantId, job.tickAt!.getTime() - start])
    expect(made.toReversed()).toEqual([
      ['acme', MINUTE],
      ['globex', MINUTE],
      ['initech', 2 * MINUTE],
    ])
    expect((await refusal(() => all.schedules.runNow('minutely'))).code).toBe('JOBS_INVALID_CONFIG')
  })

  test('thousands of them are one step', async () => {
    const tenants = Array.from({ length: 3_000 }, (_, n) => `t${n}`)
    await process.queue({ tenants }).schedule('minutely', { ...everyMinute, forEach: 'tenant' })
    work(new SimulatedProcess(time, store), { tenants })
    await time.advance(MINUTE)
    const { lastRun } = (await queue.schedules.get('minutely'))!
    expect(lastRun).toMatchObject({ jobs: 3_000 })
  })
})

describe('a schedule whose jobs cannot be made', () => {
  test('is logged and tried less and less often, and the others go on', async () => {
    const start = time.clock.now()
    const asked: number[] = []
    const tenants = async () => {
      asked.push((time.clock.now() - start) / SECOND)
      if (asked.length < 5) throw new Error('the directory is down')
      return ['acme']
    }
    await process.queue({ tenants: ['acme'] }).schedule('broken', {
      ...everyMinute,
      forEach: 'tenant',
    })
    await queue.schedule('minutely', everyMinute)
    const worker = new SimulatedProcess(time, store)
    work(worker, { tenants })
    await time.advance(2 * MINUTE)
    expect(asked.slice(0, 5)).toEqual([60, 61, 63, 67, 75])
    expect(await ticks(start)).toEqual(minutes(1, 2))
    expect(await ticks(start, 'broken')).toEqual(minutes(1, 2))
    expect(worker.log.filter(({ level }) => level === 'error')).toHaveLength(4)
    expect(worker.log[0]!.fields).toMatchObject({ scheduleId: 'broken', pauseMs: 1_000 })
  })

  test('is tried at once when it has changed', async () => {
    const start = time.clock.now()
    const job = (ok: boolean) =>
      defineJob({
        name: 'tick',
        schema: schemaOf<unknown>((value) =>
          ok || value === 'new' ? { value } : { issues: [{ message: 'no' }] },
        ),
        handler: async () => ({ success: true }),
      })
    await process.queue().schedule('minutely', { ...everyMinute, job: job(true), payload: 'old' })
    const worker = new SimulatedProcess(time, store)
    worker.start({ queue: worker.queue(), jobs: [job(false)] })
    await time.advance(5 * MINUTE)
    expect(await ticks(start)).toEqual([])
    await queue.schedule('minutely', { ...everyMinute, payload: 'new' })
    await time.advance(SECOND)
    expect(await ticks(start)).toEqual(minutes(5))
  })

  test('of one whose list of tenants never comes, the others wait for five seconds at most', async () => {
    const start = time.clock.now()
    await process.queue({ tenants: [] }).schedule('broken', { ...everyMinute, forEach: 'tenant' })
    await queue.schedule('minutely', everyMinute)
    work(new SimulatedProcess(time, store), { tenants: () => new Promise(() => {}) })
    await time.advance(MINUTE + 5 * SECOND)
    expect(await ticks(start)).toEqual(minutes(1))
  })
})

describe('a schedule that the store fails to advance', () => {
  /** A store that, as long as it is `down` for one schedule, fails every call that would advance it. */
  function failingFor(id: string, fail: () => Promise<never>) {
    const state = { down: true, calls: 0 }
    const faulty = faultyStore(store, (operation, _, request) => {
      if (operation !== 'advanceSchedules' || !state.down) return undefined
      if (!(request as { id: string }[]).some((each) => each.id === id)) return undefined
      state.calls += 1
      return fail()
    })
    return { state, faulty }
  }

  test('is tried again by itself, and the others go on at their time', async () => {
    const start = time.clock.now()
    await queue.schedule('bad', everyMinute)
    await time.advance(1)
    const others = Array.from({ length: 5 }, (_, n) => `good-${n}`)
    for (const id of others) await queue.schedule(id, everyMinute)
    const { state, faulty } = failingFor('bad', () => Promise.reject(new Error('a broken row')))
    const worker = new SimulatedProcess(time, faulty)
    work(worker)
    await time.advance(3 * MINUTE + SECOND)
    for (const id of others) {
      expect(await ticks(start + 1, id)).toEqual(minutes(1, 2, 3))
      const jobs = await queue.listJobs({ scheduleId: id })
      for (const job of jobs) expect(+job.createdAt - +job.tickAt!).toBeLessThanOrEqual(SECOND)
    }
    expect(await ticks(start, 'bad')).toEqual([])
    expect(worker.log[0]!.fields).toMatchObject({ scheduleId: 'bad', pauseMs: 1_000 })
    expect(new Set(worker.log.map(({ fields }) => fields['scheduleId']))).toEqual(new Set(['bad']))

    // A store that is well again is not kept waiting.
    state.down = false
    await time.advance(5 * SECOND)
    expect(await ticks(start, 'bad')).toEqual(minutes(3))
  })

  test('without an answer holds the others up for two deadlines at most', async () => {
    const start = time.clock.now()
    for (const id of ['bad', 'minutely']) await queue.schedule(id, everyMinute)
    const { faulty } = failingFor('bad', () => new Promise(() => {}))
    work(new SimulatedProcess(time, faulty))
    await time.advance(MINUTE + 10 * SECOND)
    expect(await ticks(start)).toEqual(minutes(1))
  })
})

describe('a schedule that cannot be read', () => {
  const ref = { queue: 'default', tenantId: null, id: 'broken' }

  beforeEach(async () => {
    await queue.schedule('minutely', everyMinute)
    await queue.schedule('broken', everyMinute)
    const [seen] = (await store.getSchedules([ref])).schedules
    await store.putSchedule({ ...seen!, spec: '{', expected: seen! })
  })

  test.each(['{', '5', '{"times":{}}'])('is listed with an error where it is %s', async (spec) => {
    const [seen] = (await store.getSchedules([ref])).schedules
    await store.putSchedule({ ...seen!, spec, expected: seen! })
    const [broken, minutely] = await queue.schedules.list()
    expect(broken).toMatchObject({
      id: 'broken',
      job: '',
      error: { code: 'JOBS_PAYLOAD_UNREADABLE', retryable: false },
    })
    expect(minutely).toMatchObject({ id: 'minutely', job: 'tick' })
    expect(minutely).not.toHaveProperty('error')
  })

  test('lets the others fire', async () => {
    const start = time.clock.now()
    const worker = new SimulatedProcess(time, store)
    work(worker)
    await time.advance(2 * MINUTE)
    expect(await ticks(start)).toEqual(minutes(1, 2))
    expect(worker.log[0]!.fields).toMatchObject({ scheduleId: 'broken' })
  })

  test('can be paused and removed, neither resumed nor run', async () => {
    expect(await queue.schedules.pause('broken')).toMatchObject({ paused: true })
    for (const call of ['resume', 'runNow', 'preview'] as const) {
      const error = await refusal(() => queue.schedules[call]('broken'))
      expect(error.code).toBe('JOBS_PAYLOAD_UNREADABLE')
      expect(error.message).toContain('schedule broken')
    }
    await queue.schedules.remove('broken')
    expect(await queue.schedules.get('broken')).toBeNull()
  })

  test('is repaired by declaring it again', async () => {
    const start = time.clock.now()
    const repaired = await queue.schedule('broken', everyMinute)
    expect(repaired).toMatchObject({ job: 'tick', every: MINUTE })
    expect(repaired).not.toHaveProperty('error')
    work()
    await time.advance(MINUTE)
    expect(await ticks(start, 'broken')).toEqual(minutes(1))
  })
})

describe('what is refused, storing nothing', () => {
  const soon = new Date(Date.UTC(2026, 0, 6))

  test.each<[string, Record<string, unknown>, string?]>([
    ['neither cron nor every', { every: undefined }],
    ['both', { cron: '* * * * *' }],
    ['an interval below a second', { every: 999 }],
    ['half a millisecond', { every: 1_000.5 }],
    ['an interval that is no number', { every: '1000' }],
    ['an interval without end', { every: Infinity }],
    ['a time zone beside an interval', { timezone: 'UTC' }],
    ['four fields', { every: undefined, cron: '* * * *' }],
    ['seven fields', { every: undefined, cron: '0 0 0 1 1 * 2030' }],
    ['a nickname', { every: undefined, cron: '@daily' }],
    ['an instant', { every: undefined, cron: '2030-01-01T00:00:00' }],
    ['a minute that there is not', { every: undefined, cron: '61 * * * *' }],
    ['a step of nothing', { every: undefined, cron: '*/0 * * * *' }],
    ['a name that there is not', { every: undefined, cron: '* * * * FOO' }],
    ['no text', { every: undefined, cron: 5 }],
    ['a day that never comes', { every: undefined, cron: '0 0 30 2 *' }],
    ['an unknown time zone', { every: undefined, cron: '* * * * *', timezone: 'Mars/Olympus' }],
    ['a time zone that is no text', { every: undefined, cron: '* * * * *', timezone: 1 }],
    ['a start that is no Date', { startAt: 5 }],
    ['an invalid end', { endAt: new Date(Number.NaN) }],
    ['an end that is not after the start', { startAt: soon, endAt: soon }],
    [
      'no tick between start and end',
      { every: undefined, cron: '0 0 1 6 *', startAt: soon, endAt: new Date(+soon + 1) },
    ],
    ['an unknown catchUp', { catchUp: 'maybe' }],
    ['a catchUpLimit of 0', { catchUpLimit: 0 }],
    ['an unknown overlap', { overlap: 'replace' }],
    ['each missed tick beside runs that may not overlap', { catchUp: 'all', overlap: 'skip' }],
    ['an unknown forEach', { forEach: 'queue' }],
    ['tenants that nobody told', { forEach: 'tenant' }],
    ['a property that there is not', { every: 1_000, crom: '* * * * *' }],
    ['a job id', { options: { jobId: 'one' } }],
    ['an instant for its jobs', { options: { scheduledAt: soon } }],
    ['a unique key beside overlap', { overlap: 'skip', options: { uniqueKey: 'k' } }],
    ['options that are none', { options: null }],
    ['an unknown option', { options: { prio: 1 } }, 'JOBS_INVALID_OPTION'],
    ['a bad tenant', { options: { tenantId: 'A B' } }, 'JOBS_INVALID_TENANT_ID'],
    ['a bad name', { job: '' }, 'JOBS_INVALID_JOB_NAME'],
    ['no job', { job: undefined }, 'JOBS_INVALID_JOB_NAME'],
    ['a payload that is no JSON', { payload: 1n }, 'JOBS_VALUE_BIGINT'],
  ])('%s', async (_, change, code = 'JOBS_INVALID_SCHEDULE') => {
    const spec = { ...everyMinute, ...change } as unknown as ScheduleSpec<string>
    const error = await refusal(() => queue.schedule('bad', spec))
    expect(error).toMatchObject({ code })
    expect(await queue.schedules.list()).toEqual([])
  })

  test('a bad id, a bad count, and no object at all', async () => {
    expect((await refusal(() => queue.schedule('', everyMinute))).code).toBe('JOBS_INVALID_JOB_ID')
    const preview = (count: number) => queue.schedules.preview({ every: MINUTE }, count)
    expect((await refusal(() => preview(0))).code).toBe('JOBS_INVALID_OPTION')
    const nothing = null as unknown as ScheduleSpec<string>
    expect((await refusal(() => queue.schedule('bad', nothing))).code).toBe('JOBS_INVALID_SCHEDULE')
  })

  test.each<[unknown, string]>([
    [{ tenant: 'x' }, 'there is no filter "tenant"'],
    [{ limit: 0 }, 'limit must be a whole number from 1 to 1000'],
    [{ cursor: 7 }, 'cursor must be a string'],
    [null, 'a filter must be an object'],
  ])('a list of %j', async (filter, message) => {
    const error = await refusal(() => queue.schedules.list(filter as ScheduleListFilter))
    expect(error).toMatchObject({ code: 'JOBS_INVALID_OPTION' })
    expect(error.message).toContain(message)
  })

  test.each([undefined, null, 7, [], {}])('a preview of %j', async (what) => {
    const error = await refusal(() => queue.schedules.preview(what as unknown as string))
    expect(error.code).toBe('JOBS_INVALID_SCHEDULE')
  })

  test("an id that leaves no room in the key of overlap: 'skip'", async () => {
    const spec = { ...everyMinute, overlap: 'skip', options: { tenantId: 'acme' } } as const
    const error = await refusal(() => queue.schedule('x'.repeat(187), spec))
    expect(error).toMatchObject({ code: 'JOBS_INVALID_JOB_ID' })
    expect(error.message).toContain('schedule id')
    expect(error.message).toContain('1 to 186 characters')
    await queue.schedule('x'.repeat(186), spec)
    expect(await queue.schedules.list()).toHaveLength(1)
  })

  test('a tenant that would schedule for the others', async () => {
    const all = process.queue({ tenants: ['acme', 'globex'] })
    const spec = { ...everyMinute, forEach: 'tenant' } as const
    const inTenant = () => withTenant('acme', () => all.schedule('bad', spec))
    expect((await refusal(inTenant)).code).toBe('JOBS_INVALID_SCHEDULE')
  })

  test('tenants that are no list', async () => {
    const tenants = 'acme' as unknown as string[]
    expect((await refusal(() => process.queue({ tenants }))).code).toBe('JOBS_INVALID_CONFIG')
    expect((await refusal(() => process.queue({ tenants: ['A B'] }))).code).toBe(
      'JOBS_INVALID_TENANT_ID',
    )
  })
})
