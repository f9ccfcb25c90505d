import { complete } from '@cgk/jobs-core'
import { expect } from 'vitest'
import { claimOne, settleOne, stateOf } from '../claim-jobs.ts'
import { OTHER_TENANT, only, QUEUE, TENANT } from '../new-job.ts'
import {
  advanceOne,
  change,
  newSchedule,
  nextTick,
  putNew,
  readSchedule,
  SCHEDULE,
} from '../new-schedule.ts'
import { caseNeeding, type CaseGroup } from '../store-case.ts'

const scheduleCase = caseNeeding('schedules')

/** A schedule is one row, changed only by who has seen it as it is. */
export const schedulesCases: CaseGroup = {
  operation: 'schedules',
  cases: [
    scheduleCase('a new schedule is stored as it was put', async (open) => {
      const now = await open.now()
      const put = newSchedule({ spec: '{"b":1, "a":1.0}', nextAt: now + 5_000, paused: true })
      const answer = await open.store.putSchedule(put)

      const { spec, nextAt, paused } = put
      const record = {
        ...SCHEDULE,
        spec,
        nextAt,
        paused,
        revision: 1,
        createdAt: now,
        updatedAt: now,
        lastFire: null,
        lastEnd: null,
      }
      expect(answer).toEqual({ status: 'stored', schedule: record })
      const other = await open.another()
      expect(await other.getSchedules([SCHEDULE])).toEqual({ now, schedules: [record] })
    }),

    scheduleCase('what is there is not replaced by who has not seen it', async ({ store }) => {
      const seen = await putNew(store)
      for (const paused of [false, true]) {
        expect(await store.putSchedule(newSchedule({ spec: '"other"', paused }))).toEqual({
          status: 'stale',
          schedule: seen,
        })
      }
      expect(await readSchedule(store)).toEqual(seen)
    }),

    scheduleCase('a schedule that is not there is not changed into being', async ({ store }) => {
      const expected = { createdAt: 0, revision: 1, paused: false, nextAt: 0 }
      expect(await store.putSchedule(newSchedule({ expected }))).toEqual({
        status: 'stale',
        schedule: null,
      })
      expect((await store.getSchedules([SCHEDULE])).schedules).toEqual([null])
    }),

    scheduleCase('whatever of it was seen otherwise refuses a change', async ({ store }) => {
      const { createdAt, revision, paused, nextAt } = await putNew(store)
      const seen = await readSchedule(store)
      for (const otherwise of [
        { createdAt: createdAt - 1 },
        { revision: revision + 1 },
        { paused: !paused },
        { nextAt: nextAt! + 1 },
        { nextAt: null },
      ]) {
        const expected = { createdAt, revision, paused, nextAt, ...otherwise }
        expect(await store.putSchedule(newSchedule({ spec: '"new"', expected }))).toEqual({
          status: 'stale',
          schedule: seen,
        })
      }
      expect(await readSchedule(store)).toEqual(seen)
    }),

    scheduleCase('the revision grows with each change of its spec alone', async (open) => {
      const { store } = open
      const first = await putNew(store)
      await open.advance(1_000)
      const paused = await change(store, first, { paused: true })
      expect(paused).toEqual({ ...first, paused: true, updatedAt: first.createdAt + 1_000 })
      const moved = await change(store, paused, { paused: false, nextAt: null })
      expect(moved).toMatchObject({ revision: 1, paused: false, nextAt: null })
      const changed = await change(store, moved, { spec: '{"every":"2h"}' })
      expect(changed).toMatchObject({ revision: 2, spec: '{"every":"2h"}' })
      // Stores never parse it: other text is another spec.
      expect(await change(store, changed, { spec: '{"every": "2h"}' })).toMatchObject({
        revision: 3,
        createdAt: first.createdAt,
      })
    }),

    scheduleCase('of those who change it at once one succeeds', async (open) => {
      const handles = [open.store, await open.another()]
      const put = newSchedule()
      const made = await Promise.all(
        [0, 1, 2, 3].map((index) => handles[index % 2]!.putSchedule({ ...put, nextAt: index })),
      )
      expect(made.filter(({ status }) => status === 'stored')).toHaveLength(1)

      const { createdAt, revision, paused, nextAt } = await readSchedule(open.store)
      const expected = { createdAt, revision, paused, nextAt }
      const changed = await Promise.all(
        [0, 1, 2, 3].map((index) =>
          handles[index % 2]!.putSchedule({ ...put, spec: `${index}`, expected }),
        ),
      )
      expect(changed.filter(({ status }) => status === 'stored')).toHaveLength(1)
      expect(await readSchedule(open.store)).toMatchObject({ revision: 2 })
    }),

    scheduleCase('queues and tenants have schedules of their own', async ({ store }) => {
      const refs = [
        SCHEDULE,
        { ...SCHEDULE, tenantId: OTHER_TENANT },
        { ...SCHEDULE, tenantId: null },
        { ...SCHEDULE, queue: 'mails' },
      ]
      for (const [index, ref] of refs.entries()) await putNew(store, { ...ref, spec: `${index}` })

      const { schedules } = await store.getSchedules(refs)
      expect(schedules.map((each) => each?.spec)).toEqual(['0', '1', '2', '3'])
      expect(await store.removeSchedules([refs[1]!])).toEqual([true])
      const left = (await store.getSchedules(refs)).schedules
      expect(left.map((each) => each?.spec)).toEqual(['0', undefined, '2', '3'])
    }),

    scheduleCase('a removed schedule is gone, and its jobs stay', async ({ store }) => {
      const seen = await putNew(store)
      const job = only(await advanceOne(store, nextTick(seen)))
      const missing = { ...SCHEDULE, id: 'missing' }
      expect(await store.removeSchedules([missing, SCHEDULE])).toEqual([false, true])
      expect(await store.removeSchedules([SCHEDULE])).toEqual([false])

      expect((await store.getSchedules([SCHEDULE])).schedules).toEqual([null])
      expect(await store.dueSchedules({ queues: [QUEUE], limit: 10 })).toMatchObject({
        schedules: [],
        nextInMs: null,
      })
      const id = job.status === 'enqueued' ? job.id : ''
      expect(await stateOf(store, { queue: QUEUE, tenantId: TENANT, id })).toBe('pending')
      expect(await settleOne(store, complete(await claimOne(store)))).toBe('settled')
    }),

    scheduleCase('a schedule put again after its removal begins anew', async ({ store }) => {
      const seen = await putNew(store)
      await change(store, seen, { spec: '"changed"' })
      await advanceOne(store, nextTick(await readSchedule(store)))
      await store.removeSchedules([SCHEDULE])

      expect(await putNew(store)).toMatchObject({ revision: 1, lastFire: null, lastEnd: null })
    }),

    scheduleCase('who saw one that was removed since changes nothing of the next', async (open) => {
      const { store } = open
      const seen = await putNew(store)
      await store.removeSchedules([SCHEDULE])
      await open.advance(1)
      const next = await putNew(store)

      const { createdAt, revision, paused, nextAt } = seen
      const expected = { createdAt, revision, paused, nextAt }
      expect(await store.putSchedule(newSchedule({ spec: '"old"', expected }))).toEqual({
        status: 'stale',
        schedule: next,
      })
      expect(await store.advanceSchedules([nextTick(seen)])).toEqual([{ status: 'stale' }])
      expect(await readSchedule(store)).toEqual(next)
      expect(await store.counts({ queue: QUEUE })).toMatchObject({ pending: 0 })
    }),
  ],
}
