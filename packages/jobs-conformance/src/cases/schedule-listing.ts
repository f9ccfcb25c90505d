import type { ScheduleRecord, ScheduleStore } from '@cgk/jobs-core'
import { expect } from 'vitest'
import { OTHER_TENANT, QUEUE, TENANT } from '../new-job.ts'
import { change, putNew, readSchedule, SCHEDULE } from '../new-schedule.ts'
import { caseNeeding, type CaseGroup } from '../store-case.ts'

const scheduleCase = caseNeeding('schedules')

/** Finding schedules: all of a queue, and those that are due. */
export const scheduleListingCases: CaseGroup = {
  operation: 'schedule listing',
  cases: [
    scheduleCase('a list has every schedule once, by tenant and id', async ({ store }) => {
      const ids = ['b', 'a', 'Z', 'ä', 'a-1', '10', '9']
      for (const tenantId of [OTHER_TENANT, null, TENANT]) {
        for (const id of ids) await putNew(store, { tenantId, id })
      }
      await putNew(store, { queue: 'mails' })

      const inOrder = ids.toSorted((a, b) => (a < b ? -1 : 1))
      const expected = [null, TENANT, OTHER_TENANT].flatMap((tenantId) =>
        inOrder.map((id) => [tenantId, id]),
      )
      for (const limit of [1, 4, 21, 100]) {
        const listed = await listAll(store, { queue: QUEUE, limit })
        expect(listed.map(({ tenantId, id }) => [tenantId, id])).toEqual(expected)
      }
    }),

    scheduleCase('a list may be of one tenant, or of none', async ({ store }) => {
      for (const tenantId of [OTHER_TENANT, null, TENANT]) await putNew(store, { tenantId })

      for (const tenantId of [OTHER_TENANT, null, TENANT, 'nobody']) {
        const listed = await listAll(store, { queue: QUEUE, tenantId, limit: 2 })
        const expected = tenantId === 'nobody' ? [] : [tenantId]
        expect(listed.map((schedule) => schedule.tenantId)).toEqual(expected)
      }
    }),

    scheduleCase('pages stay whole while schedules come and go', async ({ store }) => {
      const ids = ['a', 'b', 'c', 'd', 'e', 'f']
      for (const id of ids) await putNew(store, { id })
      const first = await store.listSchedules({ queue: QUEUE, limit: 3 })
      await store.removeSchedules([{ ...SCHEDULE, id: 'c' }])
      await putNew(store, { id: 'aa' })
      const rest = await store.listSchedules({
        queue: QUEUE,
        limit: 10,
        cursor: first.nextCursor!,
      })

      expect(first.schedules.map(({ id }) => id)).toEqual(['a', 'b', 'c'])
      expect(rest.schedules.map(({ id }) => id)).toEqual(['d', 'e', 'f'])
      expect(rest.nextCursor).toBeNull()
    }),

    scheduleCase('the oldest cursor is due first, up to the limit', async (open) => {
      const { store } = open
      const now = await open.now()
      const cursors = [now - 20, now + 500, now - 40, now, now - 30, now + 300]
      for (const nextAt of cursors) await putNew(store, { id: `at-${nextAt}`, nextAt })

      const dueOf = async (limit: number) => await store.dueSchedules({ queues: [QUEUE], limit })
      const all = await dueOf(10)
      expect(all.now).toBe(now)
      expect(all.schedules.map(({ nextAt }) => nextAt)).toEqual([now - 40, now - 30, now - 20, now])
      expect(all.nextInMs).toBe(300)
      const some = await dueOf(3)
      expect(some.schedules.map(({ nextAt }) => nextAt)).toEqual([now - 40, now - 30, now - 20])
      expect(some.nextInMs).toBe(0)
      await open.advance(300)
      expect((await dueOf(10)).schedules).toHaveLength(5)
    }),

    scheduleCase('paused and exhausted schedules are never due', async (open) => {
      const { store } = open
      const now = await open.now()
      await putNew(store, { id: 'exhausted', nextAt: null })
      const seen = await putNew(store, { id: 'paused', nextAt: now })
      const paused = await change(store, seen, { paused: true })
      const due = async () => await store.dueSchedules({ queues: [QUEUE], limit: 10 })
      expect(await due()).toEqual({ now, schedules: [], nextInMs: null })

      const resumed = await change(store, paused, { paused: false })
      expect(await due()).toEqual({ now, schedules: [resumed], nextInMs: null })
      await change(store, resumed, { nextAt: null })
      expect(await due()).toEqual({ now, schedules: [], nextInMs: null })
    }),

    scheduleCase('only the queues asked for are looked at', async (open) => {
      const { store } = open
      const now = await open.now()
      await putNew(store, { queue: 'mails', nextAt: now - 1 })
      await putNew(store, { nextAt: now + 50 })
      await putNew(store, { queue: 'exports', nextAt: now + 20 })

      const dueOf = async (...queues: string[]) => {
        const { schedules, nextInMs } = await store.dueSchedules({ queues, limit: 10 })
        return [schedules.map(({ queue }) => queue), nextInMs]
      }
      expect(await dueOf(QUEUE)).toEqual([[], 50])
      expect(await dueOf(QUEUE, 'exports')).toEqual([[], 20])
      expect(await dueOf('mails', QUEUE)).toEqual([['mails'], 50])
      expect(await dueOf('unknown')).toEqual([[], null])
    }),

    scheduleCase('a schedule whose cursor moves is due by the new one', async (open) => {
      const { store } = open
      const now = await open.now()
      await putNew(store, { nextAt: now + 1_000 })
      await change(store, await readSchedule(store), { nextAt: now + 10 })
      await open.advance(10)
      const { schedules } = await store.dueSchedules({ queues: [QUEUE], limit: 1 })
      expect(schedules.map(({ id }) => id)).toEqual([SCHEDULE.id])
    }),
  ],
}

async function listAll(
  store: ScheduleStore,
  request: { readonly queue: string; readonly tenantId?: string | null; readonly limit: number },
): Promise<ScheduleRecord[]> {
  const all: ScheduleRecord[] = []
  let cursor: string | null = null
  do {
    const page: Awaited<ReturnType<ScheduleStore['listSchedules']>> = await store.listSchedules({
      ...request,
      ...(cursor !== null && { cursor }),
    })
    expect(page.schedules.length).toBeLessThanOrEqual(request.limit)
    all.push(...page.schedules)
    cursor = page.nextCursor
  } while (cursor !== null)
  return all
}
