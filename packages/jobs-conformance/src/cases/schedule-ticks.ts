import { expect } from 'vitest'
import { claimEverything, claimJobs, claimOne } from '../claim-jobs.ts'
import { expectRefusal } from '../expect-refusal.ts'
import { enqueueOne, only, OTHER_TENANT, QUEUE, TENANT } from '../new-job.ts'
import {
  advanceOne,
  change,
  nextTick,
  putNew,
  readSchedule,
  SCHEDULE,
  tickJob,
  tickOf,
} from '../new-schedule.ts'
import { caseNeeding, type CaseGroup } from '../store-case.ts'

const scheduleCase = caseNeeding('schedules')

/** A tick's jobs exist if and only if the cursor has passed it. */
export const scheduleTicksCases: CaseGroup = {
  operation: 'schedule ticks',
  cases: [
    scheduleCase('a tick enqueues its jobs and moves the cursor', async (open) => {
      const { store } = open
      const now = await open.now()
      const seen = await putNew(store, { nextAt: now - 10 })
      const jobs = [tickJob(seen, now - 10), tickJob(seen, now - 10, { tenantId: OTHER_TENANT })]
      const results = await advanceOne(
        store,
        nextTick(seen, { nextAt: now + 90, ticks: [{ tickAt: now - 10, jobs }] }),
      )

      expect(results).toMatchObject([{ status: 'enqueued' }, { status: 'enqueued' }])
      const first = results[0]!
      expect(await readSchedule(await open.another())).toEqual({
        ...seen,
        nextAt: now + 90,
        updatedAt: expect.any(Number) as number,
        lastFire: {
          tickAt: now - 10,
          firedAt: now,
          jobs: 2,
          jobId: first.status === 'enqueued' ? first.id : null,
        },
      })
      const claimed = await claimEverything(store)
      expect(new Set(claimed.map(({ tenantId }) => tenantId))).toEqual(
        new Set([TENANT, OTHER_TENANT]),
      )
      expect(claimed).toHaveLength(2)
    }),

    scheduleCase('its jobs tell their schedule and tick, also to a list', async ({ store }) => {
      const seen = await putNew(store)
      await advanceOne(store, nextTick(seen))
      await enqueueOne(store)

      const { jobs } = await store.list({ queue: QUEUE, limit: 10, scheduleId: SCHEDULE.id })
      expect(jobs.map(({ schedule }) => schedule)).toEqual([tickOf(seen, 0)])
      const claimed = await claimEverything(store)
      expect(claimed.map(({ schedule }) => schedule)).toEqual([tickOf(seen, 0), null])
    }),

    scheduleCase('of those who find a tick due one enqueues its jobs', async (open) => {
      const handles = [open.store, await open.another()]
      const advance = nextTick(await putNew(open.store))
      const answers = await Promise.all(
        Array.from({ length: 8 }, (_, index) => handles[index % 2]!.advanceSchedules([advance])),
      )

      const statuses = answers.map((answer) => only(answer).status)
      expect(statuses.filter((status) => status === 'advanced')).toHaveLength(1)
      expect(await claimEverything(open.store)).toHaveLength(1)
    }),

    scheduleCase('an advance repeated after its reply was lost does nothing', async ({ store }) => {
      const seen = await putNew(store)
      const advance = nextTick(seen)
      await advanceOne(store, advance)
      const after = await readSchedule(store)
      expect(await store.advanceSchedules([advance, advance])).toEqual([
        { status: 'stale' },
        { status: 'stale' },
      ])

      expect(await readSchedule(store)).toEqual(after)
      expect(await claimEverything(store)).toHaveLength(1)
    }),

    scheduleCase(
      'an advance that is stale is stale, whatever ids its jobs have',
      async ({ store }) => {
        const seen = await putNew(store)
        await enqueueOne(store, { jobId: 'taken', payload: '"another"' })
        const jobs = [tickJob(seen, 0, { jobId: 'taken' })]
        const stale = nextTick(seen, {
          expected: { createdAt: seen.createdAt, revision: 2, nextAt: 0 },
          ticks: [{ tickAt: 0, jobs }],
        })
        expect(await store.advanceSchedules([stale])).toEqual([{ status: 'stale' }])
      },
    ),

    scheduleCase('who saw another revision, a pause or nothing is refused', async ({ store }) => {
      const seen = await putNew(store)
      const changed = await change(store, seen, { spec: '"changed"' })
      expect(await store.advanceSchedules([nextTick(seen)])).toEqual([{ status: 'stale' }])
      const paused = await change(store, changed, { paused: true })
      expect(await store.advanceSchedules([nextTick(changed)])).toEqual([{ status: 'stale' }])
      expect(await readSchedule(store)).toEqual(paused)
      await store.removeSchedules([SCHEDULE])
      expect(await store.advanceSchedules([nextTick(changed)])).toEqual([{ status: 'stale' }])

      expect(await claimEverything(store)).toEqual([])
    }),

    scheduleCase('a tick that was read and not advanced stays due for others', async (open) => {
      await putNew(open.store)
      const other = await open.another()
      expect((await other.dueSchedules({ queues: [QUEUE], limit: 10 })).schedules).toHaveLength(1)

      const { schedules } = await open.store.dueSchedules({ queues: [QUEUE], limit: 10 })
      await advanceOne(open.store, nextTick(only(schedules)))
      expect(await claimEverything(open.store)).toHaveLength(1)
    }),

    scheduleCase('what one process has advanced is there for another', async (open) => {
      const other = await open.another()
      const seen = await putNew(other)
      await advanceOne(other, nextTick(seen))

      expect(await readSchedule(open.store)).toMatchObject({ nextAt: 3_600_000 })
      const job = await claimOne(open.store)
      expect(job.schedule).toEqual(tickOf(seen, 0))
    }),

    scheduleCase('each of several is advanced by itself', async ({ store }) => {
      const seen = await putNew(store)
      const other = await putNew(store, { id: 'other' })
      const stale = nextTick(other, { expected: { ...other, revision: 2, nextAt: 0 } })
      const [first, second] = await store.advanceSchedules([nextTick(seen), stale])

      expect([first!.status, second!.status]).toEqual(['advanced', 'stale'])
      expect((await claimOne(store)).schedule?.id).toBe(SCHEDULE.id)
      expect(await claimJobs(store)).toEqual([])
    }),

    scheduleCase('several ticks are dealt with in order, or passed over', async ({ store }) => {
      const seen = await putNew(store)
      const ticks = [0, 1_000, 2_000].map((tickAt) => ({ tickAt, jobs: [tickJob(seen, tickAt)] }))
      expect(await advanceOne(store, nextTick(seen, { nextAt: 3_000, ticks }))).toHaveLength(3)
      const claimed = await claimEverything(store)
      expect(claimed.map(({ schedule }) => schedule?.tickAt)).toEqual([0, 1_000, 2_000])
      const fired = await readSchedule(store)
      expect(fired.lastFire).toMatchObject({ tickAt: 2_000, jobs: 1 })

      await advanceOne(store, nextTick(fired, { nextAt: 9_000, ticks: [] }))
      expect(await readSchedule(store)).toMatchObject({
        nextAt: 9_000,
        lastFire: { tickAt: 2_000 },
      })
      const idle = nextTick(await readSchedule(store), {
        nextAt: null,
        ticks: [{ tickAt: 9_000, jobs: [] }],
      })
      await advanceOne(store, idle)
      expect(await readSchedule(store)).toMatchObject({
        nextAt: null,
        lastFire: { tickAt: 9_000, jobs: 0, jobId: null },
      })
    }),

    scheduleCase('an id that belongs to another job refuses the tick', async ({ store }) => {
      await enqueueOne(store, { jobId: 'taken', payload: '"other"' })
      const seen = await putNew(store)
      const ticks = [{ tickAt: 0, jobs: [tickJob(seen, 0), tickJob(seen, 0, { jobId: 'taken' })] }]
      await expectRefusal(store.advanceSchedules([nextTick(seen, { ticks })]), 'JOBS_ID_CONFLICT')

      expect(await readSchedule(store)).toEqual(seen)
      expect(await store.counts({ queue: QUEUE })).toMatchObject({ pending: 1 })
    }),
  ],
}
