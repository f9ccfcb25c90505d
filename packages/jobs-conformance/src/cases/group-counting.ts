import { complete, fail, release, retry } from '@cgk/jobs-core'
import { expect } from 'vitest'
import {
  claimEverything,
  claimJobs,
  claimOne,
  claimSuspect,
  refOf,
  settleOne,
} from '../claim-jobs.ts'
import { loseWorker } from '../lose-worker.ts'
import { enqueueGroup, GROUP, newMembers, readGroup, runAll } from '../new-group.ts'
import { ERROR, newJob } from '../new-job.ts'
import { caseNeeding, type CaseGroup } from '../store-case.ts'

const groupCase = caseNeeding('groups')

const COUNTS = { total: 3, completed: 0, failed: 0, cancelled: 0 }

/** Each member is counted in the transition that ends it, once, however it ends. */
export const groupCountingCases: CaseGroup = {
  operation: 'group counting',
  cases: [
    groupCase(
      'a member that was cancelled waiting, or removed, has not completed',
      async (open) => {
        const { store } = open
        for (const how of ['cancel', 'remove'] as const) {
          const ref = { ...GROUP, id: how }
          const refs = await enqueueGroup(store, { ...ref, members: newMembers(3) })
          await store[how]([refs[1]!])
          expect(await readGroup(store, ref), how).toMatchObject({ ...COUNTS, cancelled: 1 })
          expect(await runAll(store), how).toEqual(['member-0', 'member-2'])

          expect(await readGroup(store, ref)).toMatchObject({
            ...COUNTS,
            completed: 2,
            cancelled: 1,
          })
          expect(await runAll(store), how).toEqual(['any-failed'])
        }
      },
    ),

    groupCase('the last member may be cancelled or removed', async ({ store }) => {
      for (const how of ['cancel', 'remove'] as const) {
        const ref = { ...GROUP, id: how }
        const refs = await enqueueGroup(store, {
          ...ref,
          members: [...newMembers(1), newJob({ delayMs: 60_000 })],
        })
        expect(await runAll(store)).toEqual(['member-0'])
        await store[how]([refs[1]!])

        expect((await readGroup(store, ref)).endedAt, how).not.toBeNull()
        expect(await runAll(store), how).toEqual(['any-failed'])
      }
    }),

    groupCase('a running member counts when it is cancelled, once', async ({ store }) => {
      await enqueueGroup(store, { members: newMembers(1) })
      const job = await claimOne(store)
      await store.cancel([refOf(job)])
      expect(await readGroup(store)).toMatchObject({ total: 1, cancelled: 1 })
      expect((await readGroup(store)).endedAt).not.toBeNull()
      expect(await settleOne(store, complete(job))).toBe('cancelled')
      expect(await settleOne(store, complete(job))).toBe('cancelled')
      expect(await store.remove([refOf(job)])).toMatchObject([{ status: 'changed' }])

      expect(await readGroup(store)).toMatchObject({ total: 1, completed: 0, cancelled: 1 })
      expect((await claimEverything(store)).map(({ name }) => name)).toEqual(['any-failed'])
    }),

    groupCase('a member counts once, however often its end is told', async ({ store }) => {
      await enqueueGroup(store, { members: newMembers(3) })
      const [first, second] = await claimJobs(store)
      for (let index = 0; index < 5; index += 1) {
        expect(await settleOne(store, complete(first!))).toBe('settled')
        expect(await settleOne(store, fail(second!, ERROR))).toBe('settled')
      }

      expect(await readGroup(store)).toMatchObject({ ...COUNTS, completed: 1, failed: 1 })
      expect((await readGroup(store)).endedAt).toBeNull()
    }),

    groupCase('a member that has not ended does not count', async (open) => {
      const { store } = open
      await enqueueGroup(store, { members: newMembers(1) })
      await settleOne(store, retry(await claimOne(store), ERROR, 0))
      await settleOne(store, release(await claimOne(store)))
      const [stale] = await loseWorker(open)
      expect(await settleOne(store, complete(stale!))).toBe('lost')
      expect(await readGroup(store)).toMatchObject({ completed: 0, failed: 0, endedAt: null })
      await settleOne(store, complete(await claimSuspect(store)))
      expect(await settleOne(store, fail(stale!, ERROR))).toBe('lost')

      expect(await readGroup(store)).toMatchObject({ total: 1, completed: 1, failed: 0 })
    }),

    groupCase('a refused settlement counts nobody', async ({ store }) => {
      await enqueueGroup(store, { members: newMembers(1) })
      await store.enqueue([newJob({ jobId: 'named', delayMs: 60_000 })])
      const job = await claimOne(store)
      const followUps = [newJob({ jobId: 'named', payload: '{"another":1}' })]
      const result = await settleOne(store, complete(job, null, { followUps }))

      expect(result).toMatchObject({ status: 'conflict' })
      expect(await readGroup(store)).toMatchObject({ completed: 0, endedAt: null })
    }),

    groupCase('members settled from several handles at once make one callback', async (open) => {
      const handles = [open.store, await open.another()]
      for (let round = 0; round < 5; round += 1) {
        const ref = { ...GROUP, id: `round-${round}` }
        await enqueueGroup(open.store, { ...ref, members: newMembers(10) })
        const jobs = await claimEverything(open.store)
        await Promise.all(jobs.map((job, index) => settleOne(handles[index % 2]!, complete(job))))

        expect(await readGroup(open.store, ref)).toMatchObject({ total: 10, completed: 10 })
        expect(await runAll(open.store)).toEqual(['all-completed'])
      }
    }),
  ],
}
