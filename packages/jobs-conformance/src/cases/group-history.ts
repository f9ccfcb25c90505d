import { complete, fail, type JobRef, type JobStore, type Outcome } from '@cgk/jobs-core'
import { expect } from 'vitest'
import {
  claimEverything,
  claimJobs,
  claimOne,
  maintainAll,
  read,
  refOf,
  settleOne,
} from '../claim-jobs.ts'
import type { HistoryOptions } from '../harness.ts'
import {
  enqueueGroup,
  enqueueGroups,
  GROUP,
  newGroup,
  newMembers,
  readGroup,
  runAll,
} from '../new-group.ts'
import { enqueueOne, ERROR, newJob, only, QUEUE } from '../new-job.ts'
import { caseNeeding, type CaseGroup } from '../store-case.ts'

const groupCase = caseNeeding('groups')

const MINUTE_MS = 60_000
const FAIL: Outcome = { type: 'fail', error: ERROR }

/** Next to no history. */
const SHORT: HistoryOptions = {
  completed: { maxAgeMs: 1, maxCount: 1 },
  failed: { maxAgeMs: 1, maxCount: 1 },
  cancelled: { maxAgeMs: 1, maxCount: 1 },
}

/** Ends jobs of no group, which drive others out of a short history. */
async function pressHistory(store: JobStore): Promise<void> {
  for (let index = 0; index < 5; index += 1) {
    const jobs = [newJob({ priority: 9 }), newJob({ priority: 9 })]
    await store.enqueue(jobs)
    await settleOne(store, complete(await claimOne(store)))
    await settleOne(store, fail(await claimOne(store), ERROR))
    await store.cancel([await enqueueOne(store)])
  }
  await maintainAll(store)
}

async function statesOf(store: JobStore, refs: readonly JobRef[]) {
  return (await store.get(refs)).map((record) => record?.state ?? null)
}

/** How long members are kept, and what an operator may still do to them. */
export const groupHistoryCases: CaseGroup = {
  operation: 'group history',
  cases: [
    groupCase(
      'members stay until the callback has ended, whatever history keeps',
      async (open) => {
        const { store } = open
        const refs = await enqueueGroup(store, { members: newMembers(4) })
        const [first, second, third] = await claimJobs(store, { slots: 3 })
        await settleOne(store, complete(first!, '"first"'))
        await settleOne(store, complete(second!, '"second"', { discard: true }))
        await settleOne(store, fail(third!, ERROR))
        await open.advance(10 * MINUTE_MS)
        await pressHistory(store)
        const ended = ['completed', 'completed', 'failed']
        expect(await statesOf(store, refs)).toEqual([...ended, 'pending'])
        await store.cancel([refs[3]!])
        await open.advance(10 * MINUTE_MS)
        await maintainAll(store)
        expect(await statesOf(store, refs)).toEqual([...ended, 'cancelled'])
        const callback = await claimOne(store, { leaseMs: 100 * MINUTE_MS })
        expect(callback.name).toBe('any-failed')
        await open.advance(10 * MINUTE_MS)
        await maintainAll(store)
        expect((await read(store, refs[1]!)).result).toBe('"second"')
        await settleOne(store, complete(callback))
        await open.advance(10 * MINUTE_MS)
        await pressHistory(store)
        await open.advance(10 * MINUTE_MS)
        await maintainAll(store)

        expect(await statesOf(store, refs)).toEqual([null, null, null, null])
      },
      { history: SHORT },
    ),

    groupCase(
      "a nested group's callback stays as a member does, its own members only for it",
      async (open) => {
        const { store } = open
        const [, inner] = await enqueueGroups(store, [
          newGroup({ members: [newJob({ delayMs: 30 * MINUTE_MS })] }),
          newGroup({ ...GROUP, id: 'nested', parentId: GROUP.id, members: newMembers(1) }),
        ])
        await settleOne(store, complete(await claimOne(store), '"inner"'))
        const nested = await claimOne(store)
        await settleOne(store, complete(nested, '"sum"', { discard: true }))
        await open.advance(10 * MINUTE_MS)
        await pressHistory(store)
        await open.advance(20 * MINUTE_MS)
        await maintainAll(store)
        expect(await statesOf(store, inner!)).toEqual([null])
        await settleOne(store, complete(await claimOne(store)))
        const outer = await claimOne(store)
        expect(outer.group).toEqual({ memberOf: null, callbackOf: GROUP.id })
        const { jobs } = await store.list({ queue: QUEUE, groupId: GROUP.id, limit: 10 })
        expect(jobs.find(({ id }) => id === nested.id)).toMatchObject({
          result: '"sum"',
          group: { memberOf: GROUP.id, callbackOf: 'nested' },
        })
        await settleOne(store, complete(outer))
        await maintainAll(store)

        expect(await statesOf(store, [refOf(nested)])).toEqual([null])
      },
      { history: SHORT },
    ),

    groupCase(
      'without a callback members stay until the group has ended',
      async (open) => {
        const { store } = open
        const members = [newJob(), newJob({ delayMs: 100 * MINUTE_MS })]
        const refs = await enqueueGroup(store, { members, onComplete: null })
        await settleOne(store, complete(await claimOne(store), null, { discard: true }))
        await open.advance(50 * MINUTE_MS)
        await pressHistory(store)
        expect(await statesOf(store, refs)).toEqual(['completed', 'pending'])
        await open.advance(50 * MINUTE_MS)
        await settleOne(store, complete(await claimOne(store), null, { discard: true }))
        await open.advance(10 * MINUTE_MS)
        await maintainAll(store)

        expect(await statesOf(store, refs)).toEqual([null, null])
      },
      { history: SHORT },
    ),

    groupCase('a discarded member is gone with the callback', async ({ store }) => {
      const refs = await enqueueGroup(store, { members: newMembers(2) })
      const jobs = await claimJobs(store)
      await settleOne(store, complete(jobs[0]!, '1', { discard: true }))
      await settleOne(store, complete(jobs[1]!, '2'))
      expect(await statesOf(store, refs)).toEqual(['completed', 'completed'])
      expect(await runAll(store)).toEqual(['all-completed'])
      await maintainAll(store)

      expect(await statesOf(store, refs)).toEqual([null, 'completed'])
    }),

    groupCase('a callback that is cancelled or removed lets go of the members', async (open) => {
      const { store } = open
      for (const how of ['cancel', 'remove'] as const) {
        const ref = { ...GROUP, id: how }
        const refs = await enqueueGroup(store, { ...ref, members: newMembers(1) })
        await settleOne(store, complete(await claimOne(store), null, { discard: true }))
        const { callbackId } = await readGroup(store, ref)
        await store[how]([{ ...GROUP, id: callbackId! }])
        await maintainAll(store)

        expect(await statesOf(store, refs), how).toEqual([null])
      }
    }),

    groupCase('a callback that is retried keeps the members until it ends', async ({ store }) => {
      const refs = await enqueueGroup(store, { members: newMembers(1) })
      await settleOne(store, complete(await claimOne(store), '1', { discard: true }))
      const callback = await claimOne(store)
      await settleOne(store, {
        ...fail(callback, ERROR),
        outcome: { type: 'retry', delayMs: 0, error: ERROR },
      })
      await maintainAll(store)
      expect(await statesOf(store, refs)).toEqual(['completed'])
      await runAll(store)
      await maintainAll(store)

      expect(await statesOf(store, refs)).toEqual([null])
    }),

    groupCase("an operator's retry of an ended member takes it out of the count", async (open) => {
      const { store } = open
      const refs = await enqueueGroup(store, { members: newMembers(3) })
      const [first, second, third] = await claimJobs(store)
      await settleOne(store, fail(first!, ERROR))
      await settleOne(store, complete(second!))
      expect(await readGroup(store)).toMatchObject({ completed: 1, failed: 1 })
      expect(await store.retry([refs[0]!])).toMatchObject([{ status: 'changed' }])
      expect(await readGroup(store)).toMatchObject({ completed: 1, failed: 0, endedAt: null })
      await settleOne(store, complete(third!))
      expect(await readGroup(store)).toMatchObject({ completed: 2, endedAt: null })
      expect(await runAll(store)).toEqual(['member-0'])
      expect(await readGroup(store)).toMatchObject({ total: 3, completed: 3, failed: 0 })

      expect(await runAll(store)).toEqual(['all-completed'])
    }),

    groupCase('a cancelled member may be retried as well', async ({ store }) => {
      const refs = await enqueueGroup(store, { members: newMembers(2) })
      await store.cancel([refs[0]!])
      await store.retry([refs[0]!])
      expect(await readGroup(store)).toMatchObject({ cancelled: 0 })
      expect((await runAll(store)).toSorted()).toEqual(['member-0', 'member-1'])

      expect(await runAll(store)).toEqual(['all-completed'])
    }),

    groupCase('a retry after the end changes nothing about the group', async ({ store }) => {
      const refs = await enqueueGroup(store, { members: newMembers(2) })
      await runAll(store, { 'member-0': FAIL })
      const before = await readGroup(store)
      expect(await store.retry([refs[0]!])).toMatchObject([{ status: 'changed' }])
      expect(await readGroup(store)).toEqual(before)
      expect((await runAll(store)).toSorted()).toEqual(['any-failed', 'member-0'])

      expect(await readGroup(store)).toEqual(before)
      expect(await claimJobs(store)).toEqual([])
    }),

    groupCase('removing an ended member changes no count', async ({ store }) => {
      const refs = await enqueueGroup(store, { members: newMembers(2) })
      await settleOne(store, complete(await claimOne(store)))
      const before = await readGroup(store)
      expect(await store.remove([refs[0]!])).toMatchObject([{ status: 'changed' }])
      expect(await readGroup(store)).toEqual(before)

      await runAll(store)
      expect(await readGroup(store)).toMatchObject({ total: 2, completed: 2 })
      expect(await runAll(store)).toEqual(['all-completed'])
    }),

    groupCase('a member that was retried and is removed counts as cancelled', async ({ store }) => {
      const refs = await enqueueGroup(store, { members: newMembers(2) })
      await settleOne(store, fail(await claimOne(store), ERROR))
      await store.retry([refs[0]!])
      await store.remove([refs[0]!])

      expect(await readGroup(store)).toMatchObject({ failed: 0, cancelled: 1, endedAt: null })
    }),

    groupCase('a group is forgotten with the last of its jobs', async ({ store }) => {
      const refs = await enqueueGroup(store, { members: newMembers(2) })
      await runAll(store)
      await store.remove(refs)
      const { callbackId } = await readGroup(store)
      const callback = { ...GROUP, id: callbackId! }
      expect(await statesOf(store, [callback])).toEqual(['pending'])
      await runAll(store)
      await store.remove([callback])
      await maintainAll(store)

      expect(await store.getGroups([GROUP])).toEqual([null])
      expect(await enqueueGroup(store, { members: newMembers(1) })).toHaveLength(1)
    }),

    groupCase('the members of a group, and they alone, are listed by it', async ({ store }) => {
      const [members] = await enqueueGroups(store, [newGroup({ members: newMembers(5) })])
      const other = { ...GROUP, id: 'other' }
      await enqueueGroup(store, { ...other, members: newMembers(2, {}, 'other') })
      await enqueueOne(store)
      await settleOne(store, complete(await claimOne(store)))
      const names: string[] = []
      let cursor: string | null = null
      do {
        const page: Awaited<ReturnType<JobStore['list']>> = await store.list({
          queue: QUEUE,
          tenantId: GROUP.tenantId,
          groupId: GROUP.id,
          limit: 2,
          ...(cursor === null ? {} : { cursor }),
        })
        names.push(...page.jobs.map(({ name }) => name))
        cursor = page.nextCursor
      } while (cursor !== null)
      const done = await store.list({
        queue: QUEUE,
        groupId: GROUP.id,
        statuses: ['completed'],
        limit: 10,
      })

      expect(names).toEqual(['member-4', 'member-3', 'member-2', 'member-1', 'member-0'])
      expect(only(done.jobs)).toMatchObject({ id: members![0]!.id })
      expect(await claimEverything(store)).toHaveLength(7)
    }),
  ],
}
