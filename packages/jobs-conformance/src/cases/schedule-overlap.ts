import { complete, type JobRecord, type NewJob } from '@cgk/jobs-core'
import { expect } from 'vitest'
import { claimEverything, claimJobs, claimOne, refOf, settleOne } from '../claim-jobs.ts'
import { expectRefusal } from '../expect-refusal.ts'
import type { OpenStore } from '../harness.ts'
import { listed } from '../listed.ts'
import { loseWorker } from '../lose-worker.ts'
import { enqueueOne, only, OTHER_TENANT, QUEUE } from '../new-job.ts'
import { advanceOne, nextTick, putNew, readSchedule, SCHEDULE, tickJob } from '../new-schedule.ts'
import { caseNeeding, type CaseGroup } from '../store-case.ts'
import { KEEP, KEY, REPLACE, takeKey } from '../unique-jobs.ts'

const overlapCase = caseNeeding('schedules', 'uniqueKeys')

/** Ticks whose jobs have a unique key: runs that must not overlap. */
export const scheduleOverlapCases: CaseGroup = {
  operation: 'schedule overlap',
  cases: [
    overlapCase('a tick whose key is taken passes, and makes no job', async (open) => {
      const { store } = open
      const holder = await takeKey(store)
      const seen = await putNew(store)
      const jobs = [tickJob(seen, 0, { unique: KEEP })]
      const result = only(await advanceOne(store, nextTick(seen, { ticks: [{ tickAt: 0, jobs }] })))

      expect(result).toMatchObject({ status: 'existing', job: holder })
      expect(await readSchedule(store)).toMatchObject({
        nextAt: 3_600_000,
        lastFire: { tickAt: 0, firedAt: await open.now(), jobs: 0, jobId: null },
      })
      expect((await claimEverything(store)).map(refOf)).toEqual([holder])
    }),

    overlapCase('only the jobs that were stored are counted', async ({ store }) => {
      const seen = await putNew(store)
      await takeKey(store)
      await takeKey(store, { unique: { ...KEEP, key: 'another' } })
      const jobs = [
        tickJob(seen, 0, { unique: KEEP }),
        tickJob(seen, 0, { unique: KEEP, tenantId: OTHER_TENANT }),
        tickJob(seen, 0, { unique: { ...KEEP, key: 'another' } }),
        tickJob(seen, 0),
      ]
      const results = await advanceOne(store, nextTick(seen, { ticks: [{ tickAt: 0, jobs }] }))

      expect(results.map(({ status }) => status)).toEqual([
        'existing',
        'enqueued',
        'existing',
        'enqueued',
      ])
      const first = results[1]!
      expect((await readSchedule(store)).lastFire).toMatchObject({
        jobs: 2,
        jobId: first.status === 'enqueued' ? first.id : null,
      })
    }),

    overlapCase('of ticks dealt with together the first has the key', async ({ store }) => {
      const seen = await putNew(store)
      const ticks = [0, 1_000].map((tickAt) => ({
        tickAt,
        jobs: [tickJob(seen, tickAt, { unique: KEEP })],
      }))
      const [first, second] = await advanceOne(store, nextTick(seen, { ticks }))

      expect([first!.status, second!.status]).toEqual(['enqueued', 'existing'])
      expect((await readSchedule(store)).lastFire).toMatchObject({ tickAt: 1_000, jobs: 0 })
      expect((await claimOne(store)).schedule?.tickAt).toBe(0)
    }),

    overlapCase('a key is free for the next tick once its job has ended', async (open) => {
      const { store } = open
      const fire = async () => {
        const seen = await readSchedule(store)
        const jobs = [tickJob(seen, seen.nextAt!, { unique: KEEP })]
        const ticks = [{ tickAt: seen.nextAt!, jobs }]
        return only(await advanceOne(store, nextTick(seen, { ticks }))).status
      }
      await putNew(store)
      expect(await fire()).toBe('enqueued')
      expect(await fire()).toBe('existing')
      const lost = only(await loseWorker(open))
      expect(await fire()).toBe('existing')

      await store.cancel([refOf(lost)])
      expect(await fire()).toBe('enqueued')
      await settleOne(store, complete(await claimOne(store)))
      expect(await fire()).toBe('enqueued')
    }),

    overlapCase('a waiting job is replaced by that of a later tick, and counts', async (open) => {
      const { store } = open
      const holder = await takeKey(store, { unique: REPLACE, payload: '"old"' })
      const replaced = await replacedBy(open, { unique: REPLACE, payload: '"new"' })

      expect(replaced).toMatchObject({ ...holder, payload: '"new"' })
      expect(await claimOne(store)).toMatchObject({ ...holder, payload: '"new"' })
    }),

    overlapCase('a job that is debounced waits from the tick on, and counts', async (open) => {
      const { store } = open
      const unique = { key: KEY, ifTaken: 'debounce' } as const
      const holder = await takeKey(store, { unique, delayMs: 500 })
      await open.advance(400)
      const replaced = await replacedBy(open, { unique, delayMs: 500 })

      expect(replaced).toMatchObject({ ...holder, runAt: (await open.now()) + 500 })
      await open.advance(499)
      expect(await claimJobs(store)).toEqual([])
      await open.advance(1)
      expect((await claimOne(store)).id).toBe(holder.id)
    }),

    overlapCase('beside a running job a replacing one waits for its end', async ({ store }) => {
      const seen = await putNew(store)
      await takeKey(store)
      const running = await claimOne(store)
      const jobs = [tickJob(seen, 0, { unique: REPLACE })]
      const result = only(await advanceOne(store, nextTick(seen, { ticks: [{ tickAt: 0, jobs }] })))

      expect(result.status).toBe('enqueued')
      expect((await readSchedule(store)).lastFire).toMatchObject({ jobs: 1 })
      expect(await claimJobs(store)).toEqual([])
      await settleOne(store, complete(running))
      expect((await claimOne(store)).schedule?.tickAt).toBe(0)
    }),

    overlapCase('a tick refused for an id leaves its keys free', async ({ store }) => {
      await enqueueOne(store, { jobId: 'taken', payload: '"another"' })
      const seen = await putNew(store)
      const jobs = [tickJob(seen, 0, { unique: KEEP }), tickJob(seen, 0, { jobId: 'taken' })]
      const advance = nextTick(seen, { ticks: [{ tickAt: 0, jobs }] })
      await expectRefusal(store.advanceSchedules([advance]), 'JOBS_ID_CONFLICT')

      expect(await takeKey(store)).toMatchObject({ queue: QUEUE, tenantId: SCHEDULE.tenantId })
    }),
  ],
}

/** Advances a new schedule by one job, which must take the place of another and be counted. */
async function replacedBy({ store }: OpenStore, given: Partial<NewJob>): Promise<JobRecord> {
  const seen = await putNew(store)
  const jobs = [tickJob(seen, 0, given)]
  const result = only(await advanceOne(store, nextTick(seen, { ticks: [{ tickAt: 0, jobs }] })))
  if (result.status !== 'replaced') throw new Error(`expected a replacement, got ${result.status}`)
  expect((await readSchedule(store)).lastFire).toMatchObject({ jobs: 1, jobId: result.job.id })
  const [record] = await store.get([result.job])
  expect(listed(record!)).toEqual(result.job)
  return result.job
}
