import { complete, fail, type GroupRef, type NewGroup, type Outcome } from '@cgk/jobs-core'
import { expect } from 'vitest'
import { claimEverything, claimJobs, claimOne, refOf, settleOne } from '../claim-jobs.ts'
import {
  enqueueGroups,
  GROUP,
  newGroup,
  newMembers,
  ON_ANY_FAILED,
  ON_COMPLETE,
  readGroup,
  runAll,
} from '../new-group.ts'
import { ERROR } from '../new-job.ts'
import { caseNeeding, type CaseGroup } from '../store-case.ts'

const groupCase = caseNeeding('groups')

const FAIL: Outcome = { type: 'fail', error: ERROR }
const NESTED: GroupRef = { ...GROUP, id: 'nested' }

/** A root with one member and a nested group of two. */
function family(nested: Partial<NewGroup> = {}): NewGroup[] {
  return [
    newGroup({ members: newMembers(1) }),
    newGroup({
      ...NESTED,
      parentId: GROUP.id,
      members: newMembers(2, {}, 'nested'),
      onComplete: { ...ON_COMPLETE, name: 'nested-completed' },
      onAnyFailed: { ...ON_ANY_FAILED, name: 'nested-failed' },
      ...nested,
    }),
  ]
}

/** Groups that are members of groups. */
export const nestedGroupsCases: CaseGroup = {
  operation: 'nested groups',
  cases: [
    groupCase('a nested group is one member of its parent', async ({ store }) => {
      const answer = await store.enqueueGroups(family())
      if (answer.status !== 'enqueued') throw new Error('expected the groups to be enqueued')

      expect(answer.members.map(({ length }) => length)).toEqual([1, 2])
      expect(answer.groups).toMatchObject([
        { ...GROUP, parentId: null, total: 2 },
        { ...NESTED, parentId: GROUP.id, total: 2 },
      ])
      expect(await store.getGroups([GROUP, NESTED])).toEqual(answer.groups)
    }),

    groupCase('a nested group counts when its callback has ended, as that did', async (open) => {
      const { store } = open
      await enqueueGroups(store, family())
      expect(await runAll(store)).toEqual(['member-0', 'nested-0', 'nested-1'])
      expect(await readGroup(store, NESTED)).toMatchObject({ completed: 2 })
      expect(await readGroup(store)).toMatchObject({ completed: 1, failed: 0, endedAt: null })
      expect(await runAll(store)).toEqual(['nested-completed'])
      expect(await readGroup(store)).toMatchObject({ completed: 2, failed: 0 })

      expect(await runAll(store)).toEqual(['all-completed'])
      expect(await claimJobs(store)).toEqual([])
    }),

    groupCase('a callback that fails makes its nested group a failed member', async ({ store }) => {
      await enqueueGroups(store, family())
      await runAll(store)
      await runAll(store, { 'nested-completed': FAIL })

      expect(await readGroup(store)).toMatchObject({ completed: 1, failed: 1 })
      expect(await readGroup(store, NESTED)).toMatchObject({ completed: 2, failed: 0 })
      expect(await runAll(store)).toEqual(['any-failed'])
    }),

    groupCase('a callback that mends a failure makes a completed member', async ({ store }) => {
      await enqueueGroups(store, family())
      await runAll(store, { 'nested-1': FAIL })
      expect(await readGroup(store)).toMatchObject({ completed: 1, endedAt: null })
      expect(await runAll(store)).toEqual(['nested-failed'])

      expect(await readGroup(store)).toMatchObject({ completed: 2, failed: 0 })
      expect(await runAll(store)).toEqual(['all-completed'])
    }),

    groupCase(
      'a callback that is cancelled or removed is a cancelled member',
      async ({ store }) => {
        for (const how of ['cancel', 'remove'] as const) {
          const root = { ...GROUP, id: `root-${how}` }
          const nested = { ...NESTED, id: `nested-${how}` }
          const [first, second] = family({ ...nested, parentId: root.id })
          await enqueueGroups(store, [{ ...first!, ...root }, second!])
          await runAll(store)
          const { callbackId } = await readGroup(store, nested)
          if (callbackId === null) throw new Error('expected the nested group to have a callback')
          await store[how]([{ ...GROUP, id: callbackId }])

          expect(await readGroup(store, root), how).toMatchObject({ completed: 1, cancelled: 1 })
          expect(await runAll(store), how).toEqual(['any-failed'])
        }
      },
    ),

    groupCase('an operator may retry a failed callback, which then counts anew', async (open) => {
      const { store } = open
      const [members] = await enqueueGroups(store, family())
      const isNested = ({ name }: { readonly name: string }): boolean => name.startsWith('nested')
      const claimed = await claimEverything(store)
      for (const job of claimed.filter(isNested)) await settleOne(store, complete(job))
      const callback = await claimOne(store)
      await settleOne(store, fail(callback, ERROR))
      expect(await readGroup(store)).toMatchObject({ completed: 0, failed: 1 })
      expect(await store.retry([refOf(callback)])).toMatchObject([{ status: 'changed' }])
      expect(await readGroup(store)).toMatchObject({ completed: 0, failed: 0 })
      await settleOne(store, complete(claimed.find(({ id }) => id === members![0]!.id)!))
      expect(await runAll(store)).toEqual(['nested-completed'])

      expect(await readGroup(store)).toMatchObject({ completed: 2, failed: 0 })
      expect(await readGroup(store, NESTED)).toMatchObject({ completed: 2, failed: 0 })
      expect(await runAll(store)).toEqual(['all-completed'])
    }),

    groupCase('a callback that runs and is cancelled counts once', async ({ store }) => {
      await enqueueGroups(store, family())
      await runAll(store)
      const callback = await claimOne(store)
      expect(callback).toMatchObject({
        name: 'nested-completed',
        group: { callbackOf: NESTED.id },
      })
      await store.cancel([refOf(callback)])
      await store.settle({ settlements: [] })
      expect(await readGroup(store)).toMatchObject({ completed: 1, cancelled: 1 })

      expect(await runAll(store)).toEqual(['any-failed'])
    }),

    groupCase('a nested group without a callback counts at once', async ({ store }) => {
      await enqueueGroups(store, family({ onComplete: null }))
      await runAll(store)

      expect(await readGroup(store)).toMatchObject({ completed: 2, failed: 0 })
      expect(await runAll(store)).toEqual(['all-completed'])
    }),

    groupCase('without a callback, a failure inside is a failed member', async ({ store }) => {
      await enqueueGroups(store, family({ onAnyFailed: null }))
      await runAll(store, { 'nested-0': FAIL })

      expect(await readGroup(store)).toMatchObject({ completed: 1, failed: 1 })
      expect(await runAll(store)).toEqual(['any-failed'])
    }),

    groupCase(
      'without a callback, a cancelled job inside is a failed member',
      async ({ store }) => {
        const [, nested] = await enqueueGroups(store, family({ onAnyFailed: null }))
        await store.cancel([nested![0]!])
        await runAll(store)

        expect(await readGroup(store, NESTED)).toMatchObject({ completed: 1, cancelled: 1 })
        expect(await readGroup(store)).toMatchObject({ completed: 1, failed: 1, cancelled: 0 })
      },
    ),

    groupCase('empty groups end through every level, down to up', async ({ store }) => {
      await enqueueGroups(store, [
        newGroup(),
        newGroup({ ...NESTED, parentId: GROUP.id, onComplete: null }),
        newGroup({ id: 'deeper', parentId: NESTED.id, onComplete: null }),
      ])

      expect(await readGroup(store)).toMatchObject({ total: 1, completed: 1 })
      expect(await runAll(store)).toEqual(['all-completed'])
    }),

    groupCase('an empty nested group counts when its callback has ended', async ({ store }) => {
      await enqueueGroups(store, family({ members: [] }))
      expect(await runAll(store)).toEqual(['member-0', 'nested-completed'])

      expect(await runAll(store)).toEqual(['all-completed'])
    }),

    groupCase('a chain of three levels ends from within', async ({ store }) => {
      const groups = [
        ...family(),
        newGroup({
          id: 'deeper',
          parentId: NESTED.id,
          members: newMembers(1, {}, 'deeper'),
          onComplete: { ...ON_COMPLETE, name: 'deeper-completed' },
        }),
      ]
      await enqueueGroups(store, groups)
      const waves = []
      for (let wave = 0; wave < 4; wave += 1) waves.push(await runAll(store))

      expect(waves).toEqual([
        ['member-0', 'nested-0', 'nested-1', 'deeper-0'],
        ['deeper-completed'],
        ['nested-completed'],
        ['all-completed'],
      ])
      expect(await claimJobs(store)).toEqual([])
    }),

    groupCase('siblings that end in one call are both counted', async ({ store }) => {
      const sibling = { ...NESTED, id: 'sibling', parentId: GROUP.id }
      await enqueueGroups(store, [
        ...family({ onComplete: null }),
        newGroup({ ...sibling, members: newMembers(2, {}, 'sibling'), onComplete: null }),
      ])
      await runAll(store)

      expect(await readGroup(store)).toMatchObject({ total: 3, completed: 3 })
      expect(await runAll(store)).toEqual(['all-completed'])
    }),
  ],
}
