import { complete, fail, type ClaimedJob } from '@cgk/jobs-core'
import { expect } from 'vitest'
import { claimEverything, claimOne, read, refOf, settleOne } from '../claim-jobs.ts'
import { enqueueAll, ERROR, OTHER_TENANT, QUEUE, TENANT } from '../new-job.ts'
import {
  advanceOne,
  nextTick,
  putNew,
  readSchedule,
  SCHEDULE,
  tickJob,
  tickOf,
} from '../new-schedule.ts'
import { caseNeeding, type CaseGroup } from '../store-case.ts'

const scheduleCase = caseNeeding('schedules')

/** A schedule that has no tenant and the id of one that has. */
const FOR_ALL = { ...SCHEDULE, tenantId: null }

/** How the jobs of a schedule ended, as its row tells. */
export const scheduleOutcomesCases: CaseGroup = {
  operation: 'schedule outcomes',
  cases: [
    scheduleCase('how the last of its jobs ended outlives that job', async (open) => {
      const { store } = open
      const seen = await putNew(store)
      const ticks = [0, 1_000].map((tickAt) => ({ tickAt, jobs: [tickJob(seen, tickAt)] }))
      await advanceOne(store, nextTick(seen, { ticks }))
      const [first, second] = (await claimEverything(store)) as [ClaimedJob, ClaimedJob]

      await open.advance(10)
      await settleOne(store, fail(second, ERROR))
      expect(await readSchedule(store)).toMatchObject({
        lastEnd: {
          jobId: second.id,
          tenantId: TENANT,
          tickAt: 1_000,
          state: 'failed',
          endedAt: await open.now(),
        },
      })
      await open.advance(10)
      await settleOne(store, complete(first, null, { discard: true }))
      const lastEnd = { jobId: first.id, tickAt: 0, state: 'completed', endedAt: await open.now() }
      expect(await store.get([refOf(first)])).toEqual([null])
      expect(await readSchedule(store)).toMatchObject({ lastEnd })
      await store.remove([refOf(second)])
      expect(await readSchedule(store)).toMatchObject({ lastEnd })
    }),

    scheduleCase('a job that was cancelled ended, one that waits again did not', async (open) => {
      const { store } = open
      const seen = await putNew(store)
      await advanceOne(store, nextTick(seen))
      const job = await claimOne(store)
      await settleOne(store, {
        ...complete(job),
        outcome: { type: 'retry', delayMs: 0, error: ERROR },
      })
      expect((await readSchedule(store)).lastEnd).toBeNull()
      await store.cancel([refOf(job)])

      expect(await readSchedule(store)).toMatchObject({
        lastEnd: { jobId: job.id, state: 'cancelled' },
      })
      expect((await read(store, job)).schedule).toEqual(tickOf(seen, 0))
    }),

    scheduleCase('jobs of all tenants end for the schedule that made them', async ({ store }) => {
      const forAll = { queue: QUEUE, tenantId: null, id: 'reconcile' }
      const seen = await putNew(store, forAll)
      const jobs = [TENANT, OTHER_TENANT].map((tenantId) => tickJob(seen, 0, { tenantId }))
      await advanceOne(store, nextTick(seen, { ticks: [{ tickAt: 0, jobs }] }))
      const claimed = await claimEverything(store)
      const last = claimed.find(({ tenantId }) => tenantId === OTHER_TENANT)!
      for (const job of claimed.filter((each) => each !== last))
        await settleOne(store, complete(job))
      await settleOne(store, complete(last))

      expect(await readSchedule(store, forAll)).toMatchObject({
        lastEnd: { jobId: last.id, tenantId: OTHER_TENANT, tickAt: 0, state: 'completed' },
      })
    }),

    scheduleCase('of two with one id each has the outcomes of its own jobs', async (open) => {
      const { store } = open
      const own = await putNew(store)
      const forAll = await putNew(store, FOR_ALL)
      const jobs = [TENANT, OTHER_TENANT].map((tenantId) => tickJob(forAll, 0, { tenantId }))
      await advanceOne(store, nextTick(forAll, { ticks: [{ tickAt: 0, jobs }] }))
      const [first, second] = (await claimEverything(store)) as [ClaimedJob, ClaimedJob]
      await settleOne(store, complete(first))
      await settleOne(store, fail(second, ERROR))

      expect((await readSchedule(store)).lastEnd).toBeNull()
      const { lastEnd } = await readSchedule(store, FOR_ALL)
      expect(lastEnd).toMatchObject({ jobId: second.id, state: 'failed' })
      await advanceOne(store, nextTick(own))
      const job = await claimOne(store)
      await open.advance(1)
      await settleOne(store, complete(job))
      expect(await readSchedule(store)).toMatchObject({
        lastEnd: { jobId: job.id, tenantId: TENANT, state: 'completed' },
      })
      expect((await readSchedule(store, FOR_ALL)).lastEnd).toEqual(lastEnd)
    }),

    scheduleCase('one made anew has no outcome of jobs of the one removed', async (open) => {
      const { store } = open
      await advanceOne(store, nextTick(await putNew(store)))
      await store.removeSchedules([SCHEDULE])
      await open.advance(1)
      const seen = await putNew(store)
      await settleOne(store, complete(await claimOne(store)))

      expect((await readSchedule(store)).lastEnd).toBeNull()
      await advanceOne(store, nextTick(seen))
      const job = await claimOne(store)
      await settleOne(store, complete(job))
      expect((await readSchedule(store)).lastEnd).toMatchObject({ jobId: job.id })
    }),

    scheduleCase('a run out of turn ends for its schedule too', async ({ store }) => {
      const seen = await putNew(store)
      await enqueueAll(store, [tickJob(seen, null)])
      const job = await claimOne(store)
      expect(job.schedule).toEqual(tickOf(seen, null))
      await settleOne(store, complete(job))

      expect(await readSchedule(store)).toMatchObject({
        nextAt: seen.nextAt,
        lastFire: null,
        lastEnd: { jobId: job.id, tickAt: null, state: 'completed' },
      })
    }),
  ],
}
