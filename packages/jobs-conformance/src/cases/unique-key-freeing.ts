import { complete, fail, release, retry } from '@cgk/jobs-core'
import { expect } from 'vitest'
import {
  claimOne,
  claimSuspect,
  LEASE_MS,
  maintainAll,
  read,
  refOf,
  settleOne,
} from '../claim-jobs.ts'
import { listed } from '../listed.ts'
import { loseWorker } from '../lose-worker.ts'
import { ERROR, QUEUE } from '../new-job.ts'
import { holderOf, takeKey } from '../unique-jobs.ts'
import { caseNeeding, type CaseGroup } from '../store-case.ts'

const uniqueCase = caseNeeding('uniqueKeys')

/** What frees a unique key, what does not, and that nobody but its holder does. */
export const uniqueKeyFreeingCases: CaseGroup = {
  operation: 'unique key freeing',
  cases: [
    uniqueCase('a key is held while its job waits, runs, retries and is lost', async (open) => {
      const { store } = open
      const holder = await takeKey(store, { delayMs: 5_000 })
      const expectHeld = async () => expect((await holderOf(store)).id).toBe(holder.id)
      await expectHeld()
      await open.advance(5_000)
      const first = await claimOne(store)
      await expectHeld()
      await settleOne(store, retry(first, ERROR, 1_000))
      await expectHeld()
      await open.advance(1_000)
      await settleOne(store, release(await claimOne(store), 1_000))
      await expectHeld()
      await open.advance(1_000)
      await loseWorker(open)
      await expectHeld()
      await claimSuspect(store)

      await expectHeld()
      expect(await store.counts({ queue: QUEUE })).toMatchObject({ pending: 0, running: 1 })
    }),

    uniqueCase('an expired lease alone does not free the key', async (open) => {
      const { store } = open
      const holder = await takeKey(store)
      await claimOne(store, { leaseMs: 1_000 })
      await open.advance(2_000)

      expect((await holderOf(store)).id).toBe(holder.id)
    }),

    uniqueCase('a key is free again at once when its job has ended', async ({ store }) => {
      const ends = {
        complete: async () => settleOne(store, complete(await claimOne(store))),
        fail: async () => settleOne(store, fail(await claimOne(store), ERROR)),
        'complete with discard': async () =>
          settleOne(store, complete(await claimOne(store), null, { discard: true })),
        'fail with discard': async () => settleOne(store, fail(await claimOne(store), ERROR, true)),
        'cancel while waiting': async () => store.cancel([await holderOf(store)]),
        'cancel while running': async () => {
          await claimOne(store)
          return store.cancel([await holderOf(store)])
        },
        'remove while waiting': async () => store.remove([await holderOf(store)]),
      }
      for (const [how, end] of Object.entries(ends)) {
        await takeKey(store)
        await end()
        const next = await takeKey(store)
        expect((await holderOf(store)).id, how).toBe(next.id)
        await store.remove([next])
      }
    }),

    uniqueCase('a key is free again when its job ends after a crash', async (open) => {
      const { store } = open
      const ends = {
        complete: async () => settleOne(store, complete(await claimSuspect(store))),
        fail: async () => settleOne(store, fail(await claimSuspect(store), ERROR)),
        cancel: async () => store.cancel([await holderOf(store)]),
        remove: async () => store.remove([await holderOf(store)]),
      }
      for (const [how, end] of Object.entries(ends)) {
        const lost = await takeKey(store)
        await loseWorker(open)
        expect((await holderOf(store)).id, how).toBe(lost.id)
        await end()
        const next = await takeKey(store)
        expect((await holderOf(store)).id, how).toBe(next.id)
        await store.remove([next])
      }
    }),

    uniqueCase(
      'the late settlement of a cancelled job leaves the key to its next',
      async (open) => {
        const { store } = open
        await takeKey(store)
        const cancelled = await claimOne(store)
        await store.cancel([refOf(cancelled)])
        const next = await takeKey(store)
        expect(await settleOne(store, complete(cancelled))).toBe('cancelled')
        expect((await holderOf(store)).id).toBe(next.id)

        await claimOne(store)
        expect(await settleOne(store, fail(cancelled, ERROR))).toBe('cancelled')
        expect((await holderOf(store)).id).toBe(next.id)
      },
    ),

    uniqueCase('a cancelled job whose worker is lost leaves the key to its next', async (open) => {
      const { store } = open
      await takeKey(store)
      await claimOne(store)
      await store.cancel([await holderOf(store)])
      const next = await takeKey(store, { delayMs: 600_000 })
      await open.advance(LEASE_MS + 1)
      await maintainAll(store)

      expect((await holderOf(store)).id).toBe(next.id)
    }),

    uniqueCase('a settlement repeated leaves the key to its next holder', async ({ store }) => {
      await takeKey(store)
      const ended = await claimOne(store)
      await settleOne(store, complete(ended))
      const next = await takeKey(store)
      expect(await settleOne(store, complete(ended))).toBe('settled')

      expect((await holderOf(store)).id).toBe(next.id)
    }),

    uniqueCase('a stale lease ends nothing and frees nothing', async (open) => {
      const { store } = open
      const holder = await takeKey(store)
      const [stale] = await loseWorker(open)
      if (stale === undefined) throw new Error('expected a lost job')
      expect(await settleOne(store, complete(stale))).toBe('lost')
      expect((await holderOf(store)).id).toBe(holder.id)

      await settleOne(store, complete(await claimSuspect(store)))
      const next = await takeKey(store)
      expect(await settleOne(store, fail(stale, ERROR))).toBe('lost')
      expect((await holderOf(store)).id).toBe(next.id)
    }),

    uniqueCase('removing or cancelling an ended job leaves the key to its next', async (open) => {
      const { store } = open
      const first = await takeKey(store)
      await settleOne(store, complete(await claimOne(store)))
      const second = await takeKey(store)
      expect(await store.cancel([first])).toMatchObject([{ status: 'unchanged' }])
      expect((await holderOf(store)).id).toBe(second.id)
      expect(await store.remove([first])).toMatchObject([{ status: 'changed' }])

      expect((await holderOf(store)).id).toBe(second.id)
    }),

    uniqueCase("an operator's retry takes the key again", async ({ store }) => {
      const failed = await takeKey(store)
      await settleOne(store, fail(await claimOne(store), ERROR))
      expect(await store.retry([failed])).toMatchObject([{ status: 'changed' }])

      expect((await holderOf(store)).id).toBe(failed.id)
      await settleOne(store, complete(await claimOne(store)))
      await takeKey(store)
    }),

    uniqueCase("an operator's retry is refused where another job holds the key", async (open) => {
      const { store } = open
      const failed = await takeKey(store)
      await settleOne(store, fail(await claimOne(store), ERROR))
      const holder = await takeKey(store)
      const before = await read(store, failed)
      await open.advance(100)
      const [waiting] = await store.retry([failed])
      const running = await claimOne(store)
      const [whileRunning] = await store.retry([failed])

      const refused = { status: 'keyTaken', job: listed(before), holderId: holder.id }
      expect([waiting, whileRunning]).toEqual([refused, refused])
      expect(await read(store, failed)).toEqual(before)
      await settleOne(store, complete(running))
      expect(await store.retry([failed])).toMatchObject([{ status: 'changed' }])
    }),

    uniqueCase('of two retries of one call for one key the first is done', async ({ store }) => {
      const first = await takeKey(store)
      await settleOne(store, fail(await claimOne(store), ERROR))
      const second = await takeKey(store)
      await settleOne(store, fail(await claimOne(store), ERROR))

      expect(await store.retry([second, first])).toMatchObject([
        { status: 'changed' },
        { status: 'keyTaken', holderId: second.id },
      ])
    }),
  ],
}
