import { complete, fail, type ClaimedJob, type NewJob, type Outcome } from '@cgk/jobs-core'
import { expect } from 'vitest'
import {
  claimEverything,
  claimJobs,
  claimOne,
  claimRequest,
  idsOf,
  settleOne,
} from '../claim-jobs.ts'
import { expectHint, withoutWakeUps } from '../expect-hint.ts'
import {
  enqueueGroup,
  GROUP,
  newGroup,
  newMembers,
  ON_ANY_FAILED,
  ON_COMPLETE,
  readGroup,
  runAll,
} from '../new-group.ts'
import { ERROR, newJob, only, OTHER_TENANT, QUEUE } from '../new-job.ts'
import { caseNeeding, type CaseGroup } from '../store-case.ts'

const groupCase = caseNeeding('groups')

const FAIL: Outcome = { type: 'fail', error: ERROR }
const COUNTS = { total: 3, completed: 0, failed: 0, cancelled: 0 }

/** A group, the count of its members and the one job at its end. */
export const groupsCases: CaseGroup = {
  operation: 'groups',
  cases: [
    groupCase('members are enqueued as other jobs are, linked to their group', async (open) => {
      const { store } = open
      const now = await open.now()
      const members = [
        newJob({ name: 'first', payload: '{ "a": 1.0 }' }),
        newJob({ name: 'second', delayMs: 5_000 }),
        newJob({ name: 'third', priority: 5 }),
      ]
      const answer = await store.enqueueGroups([newGroup({ members })])
      if (answer.status !== 'enqueued') throw new Error('expected the group to be enqueued')
      const results = only(answer.members)
      const expected = {
        ...GROUP,
        ...COUNTS,
        parentId: null,
        createdAt: now,
        endedAt: null,
        callbackId: null,
      }
      expect(answer.groups).toEqual([expected])
      expect(await readGroup(store)).toEqual(expected)
      expect(results).toMatchObject([
        { status: 'enqueued', createdAt: now, runAt: now },
        { status: 'enqueued', createdAt: now, runAt: now + 5_000 },
        { status: 'enqueued', createdAt: now, runAt: now },
      ])
      const claimed = await claimJobs(store)

      expect(claimed.map(({ name }) => name)).toEqual(['third', 'first'])
      expect(claimed[1]).toMatchObject({
        payload: '{ "a": 1.0 }',
        group: { memberOf: GROUP.id, callbackOf: null },
      })
    }),

    groupCase('a job of no group shows none', async ({ store }) => {
      await store.enqueue([newJob()])

      expect((await claimOne(store)).group).toBeNull()
    }),

    groupCase('when all have completed, `onComplete` is enqueued', async (open) => {
      const { store } = open
      const onComplete: NewJob = {
        ...ON_COMPLETE,
        payload: '{ "all": 1.0 }',
        priority: 3,
        delayMs: 2_000,
        headers: '{"trace":"a"}',
      }
      await enqueueGroup(store, { members: newMembers(3), onComplete })
      const [first, second, third] = await claimJobs(store)
      await settleOne(store, complete(first!))
      await settleOne(store, complete(third!))
      expect(await readGroup(store)).toMatchObject({ ...COUNTS, completed: 2, endedAt: null })
      expect(await store.counts({ queue: QUEUE })).toMatchObject({ pending: 0, scheduled: 0 })
      await open.advance(500)
      const now = await open.now()
      await settleOne(store, complete(second!))
      const group = await readGroup(store)
      expect(group).toMatchObject({ ...COUNTS, completed: 3, endedAt: now })
      expect(await claimJobs(store)).toEqual([])
      await open.advance(2_000)

      expect(await claimOne(store)).toMatchObject({
        id: group.callbackId,
        name: 'all-completed',
        payload: '{ "all": 1.0 }',
        priority: 3,
        headers: '{"trace":"a"}',
        createdAt: now,
        runAt: now + 2_000,
        group: { memberOf: null, callbackOf: GROUP.id },
      })
    }),

    groupCase('when one has failed and all have ended, `onAnyFailed` is enqueued', async (open) => {
      const { store } = open
      await enqueueGroup(store, { members: newMembers(3) })
      const [first, second, third] = await claimJobs(store)
      await settleOne(store, fail(first!, ERROR))
      await settleOne(store, complete(second!))
      expect(await claimJobs(store)).toEqual([])
      await settleOne(store, complete(third!))

      expect(await readGroup(store)).toMatchObject({ ...COUNTS, completed: 2, failed: 1 })
      expect((await claimEverything(store)).map(({ name }) => name)).toEqual(['any-failed'])
    }),

    groupCase('follow-ups of a member are not of its group', async ({ store }) => {
      await enqueueGroup(store, { members: newMembers(1) })
      const followUps = [newJob({ name: 'next' })]
      await settleOne(store, complete(await claimOne(store), null, { followUps }))
      const claimed = await claimEverything(store)

      expect(await readGroup(store)).toMatchObject({ total: 1, completed: 1 })
      expect(new Map(claimed.map(({ name, group }) => [name, group]))).toEqual(
        new Map([
          ['next', null],
          ['all-completed', { memberOf: null, callbackOf: GROUP.id }],
        ]),
      )
    }),

    groupCase('the end of the last and the callback come in one round trip', async ({ store }) => {
      await enqueueGroup(store, { members: newMembers(2) })
      const jobs = await claimJobs(store)
      const { claimed } = await store.settle({
        settlements: jobs.map((job) => complete(job)),
        claim: claimRequest(),
      })

      expect(claimed?.jobs.map(({ name }) => name)).toEqual(['all-completed'])
    }),

    groupCase('a group without a callback for its end just ends', async ({ store }) => {
      const well = { ...GROUP, id: 'well' }
      const badly = { ...GROUP, id: 'badly' }
      await enqueueGroup(store, { ...well, members: newMembers(1), onComplete: null })
      await enqueueGroup(store, {
        ...badly,
        members: newMembers(1, {}, 'bad'),
        onAnyFailed: null,
      })
      await runAll(store, { 'bad-0': FAIL })

      for (const ref of [well, badly]) {
        const group = await readGroup(store, ref)
        expect(group.endedAt).not.toBeNull()
        expect(group.callbackId).toBeNull()
      }
      expect(await claimJobs(store)).toEqual([])
    }),

    groupCase('a group without members ends at once', async (open) => {
      const { store } = open
      expect(await enqueueGroup(store)).toEqual([])
      const group = await readGroup(store)

      expect(group).toMatchObject({ total: 0, completed: 0, endedAt: await open.now() })
      expect(await claimOne(store)).toMatchObject({ id: group.callbackId, name: 'all-completed' })
    }),

    groupCase('the end of the callback changes nothing about its group', async ({ store }) => {
      await enqueueGroup(store, { members: newMembers(2) })
      await runAll(store)
      const before = await readGroup(store)
      expect(await runAll(store, { 'all-completed': FAIL })).toEqual(['all-completed'])

      expect(await readGroup(store)).toEqual(before)
      expect(await claimJobs(store)).toEqual([])
    }),

    groupCase('where the id is taken nothing is stored', async ({ store }) => {
      const members = newMembers(2)
      const refs = await enqueueGroup(store, { members })
      const again = [
        newGroup({ members: newMembers(3, {}, 'again') }),
        newGroup({ id: 'nested', parentId: GROUP.id, members: newMembers(1, {}, 'nested') }),
      ]
      const answer = await store.enqueueGroups(again)

      expect(answer).toEqual({ status: 'existing', group: await readGroup(store) })
      expect(await store.getGroups([{ ...GROUP, id: 'nested' }])).toEqual([null])
      expect(idsOf(await claimEverything(store))).toEqual(idsOf(refs))
      const [done] = await store.get([refs[0]!])
      expect(done?.group?.memberOf).toBe(GROUP.id)
    }),

    groupCase('an id stays taken after its group has ended', async ({ store }) => {
      await enqueueGroup(store, { members: newMembers(1) })
      await runAll(store)
      const answer = await store.enqueueGroups([newGroup({ members: newMembers(1) })])

      expect(answer).toMatchObject({ status: 'existing', group: { completed: 1 } })
    }),

    groupCase('a group belongs to its own queue and tenant alone', async ({ store }) => {
      const owners = [
        GROUP,
        { ...GROUP, tenantId: OTHER_TENANT },
        { ...GROUP, tenantId: null },
        { ...GROUP, queue: 'mails' },
      ]
      for (const [index, owner] of owners.entries()) {
        const { queue, tenantId } = owner
        await enqueueGroup(store, {
          ...owner,
          members: newMembers(index + 1, { queue, tenantId }),
          onComplete: { ...ON_COMPLETE, queue, tenantId },
          onAnyFailed: { ...ON_ANY_FAILED, queue, tenantId },
        })
      }
      const job = only(
        (await claimJobs(store)).filter(({ tenantId }) => tenantId === GROUP.tenantId),
      )
      await settleOne(store, complete(job))
      const groups = await store.getGroups(owners)

      expect(groups.map((group) => [group?.total, group?.completed])).toEqual([
        [1, 1],
        [2, 0],
        [3, 0],
        [4, 0],
      ])
      expect(groups.map((group) => group?.tenantId)).toEqual(owners.map((o) => o.tenantId))
    }),

    groupCase('groups are read in the order of the input, hits and misses mixed', async (open) => {
      const { store } = open
      for (const id of ['a', 'b']) await enqueueGroup(store, { id, members: newMembers(1) })
      const ids = ['b', 'never-was', 'a', 'b']
      const groups = await store.getGroups(ids.map((id) => ({ ...GROUP, id })))

      expect(groups.map((group) => group?.id ?? null)).toEqual(['b', null, 'a', 'b'])
      expect(await store.getGroups([])).toEqual([])
    }),

    groupCase('of calls racing for one id one is stored', async (open) => {
      const handles = [open.store, await open.another()]
      const answers = await Promise.all(
        Array.from({ length: 6 }, (_, index) =>
          handles[index % 2]!.enqueueGroups([newGroup({ members: newMembers(3) })]),
        ),
      )

      expect(answers.filter(({ status }) => status === 'enqueued')).toHaveLength(1)
      expect(await claimEverything(open.store)).toHaveLength(3)
    }),

    groupCase(
      'members and callback are hinted at',
      async ({ store }) => {
        let round = 0
        const enqueue = () => enqueueGroup(store, { id: `${round++}`, members: newMembers(1) })
        let member: ClaimedJob | null = null
        await expectHint(store, 'ready', enqueue, () => runAll(store))
        await expectHint(
          store,
          'ready',
          () => settleOne(store, complete(member!)),
          async () => {
            while ((await runAll(store)).length > 0);
            await enqueue()
            member = await claimOne(store)
          },
        )
      },
      { skip: withoutWakeUps },
    ),
  ],
}
