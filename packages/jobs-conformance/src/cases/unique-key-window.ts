import { complete, fail, type JobRef, type JobStore } from '@cgk/jobs-core'
import { expect } from 'vitest'
import { claimOne, idsOf, maintainAll, read, settleOne, stateOf } from '../claim-jobs.ts'
import type { HistoryOptions } from '../harness.ts'
import { enqueueOne, ERROR } from '../new-job.ts'
import { enqueueAny, holderOf, keepFor, KEY, REPLACE, takeKey } from '../unique-jobs.ts'
import { caseNeeding, type CaseGroup } from '../store-case.ts'

const uniqueCase = caseNeeding('uniqueKeys')

const WINDOW_MS = 10_000
const WINDOW = { unique: keepFor(WINDOW_MS) }

/** Next to no history. */
const SHORT: HistoryOptions = {
  completed: { maxAgeMs: 1, maxCount: 1 },
  failed: { maxAgeMs: 1, maxCount: 1 },
  cancelled: { maxAgeMs: 1, maxCount: 1 },
}

/** Ends jobs without a key, which drive others out of a short history. */
async function pressHistory(store: JobStore): Promise<void> {
  for (let index = 0; index < 5; index += 1) {
    await enqueueOne(store)
    await settleOne(store, complete(await claimOne(store)))
    await enqueueOne(store)
    await settleOne(store, fail(await claimOne(store), ERROR))
    await store.cancel([await enqueueOne(store)])
  }
  await maintainAll(store)
}

/** A key that is held for a time instead of until the end. */
export const uniqueKeyWindowCases: CaseGroup = {
  operation: 'unique key window',
  cases: [
    uniqueCase('a window holds the key of an ended job to its last millisecond', async (open) => {
      const { store } = open
      const ends = {
        complete: async () => settleOne(store, complete(await claimOne(store))),
        discard: async () =>
          settleOne(store, complete(await claimOne(store), null, { discard: true })),
        fail: async () => settleOne(store, fail(await claimOne(store), ERROR)),
        cancel: async (ref: JobRef) => store.cancel([ref]),
      }
      for (const [how, end] of Object.entries(ends)) {
        const ref = await takeKey(store, WINDOW)
        await open.advance(1_000)
        await end(ref)
        expect((await holderOf(store)).id, how).toBe(ref.id)
        await open.advance(WINDOW_MS - 1_001)
        expect((await holderOf(store)).id, how).toBe(ref.id)
        await open.advance(1)
        await store.remove([await takeKey(store)])
      }
    }),

    uniqueCase('a duplicate is answered with the ended holder and its result', async (open) => {
      const { store } = open
      const ref = await takeKey(store, WINDOW)
      await settleOne(store, complete(await claimOne(store), '{"sent":true}'))
      const result = await enqueueAny(store, WINDOW)

      expect(result).toMatchObject({
        status: 'existing',
        job: { id: ref.id, state: 'completed', result: '{"sent":true}' },
      })
    }),

    uniqueCase('duplicates do not lengthen a window', async (open) => {
      const { store } = open
      const ref = await takeKey(store, WINDOW)
      await settleOne(store, complete(await claimOne(store)))
      await open.advance(WINDOW_MS - 1)
      const duplicate = { unique: keepFor(100 * WINDOW_MS) }
      expect(await enqueueAny(store, duplicate)).toMatchObject({ job: { id: ref.id } })
      await open.advance(1)

      await takeKey(store)
    }),

    uniqueCase('a window counts from the enqueue, not from the time of the job', async (open) => {
      const { store } = open
      const ref = await takeKey(store, { ...WINDOW, delayMs: WINDOW_MS - 1 })
      await open.advance(WINDOW_MS - 1)
      await settleOne(store, complete(await claimOne(store)))
      expect((await holderOf(store)).id).toBe(ref.id)
      await open.advance(1)

      await takeKey(store)
    }),

    uniqueCase('a key is held no longer than its window, ended or not', async (open) => {
      const { store } = open
      const first = await takeKey(store, { ...WINDOW, delayMs: 2 * WINDOW_MS })
      await open.advance(WINDOW_MS - 1)
      expect((await holderOf(store)).id).toBe(first.id)
      await open.advance(1)
      const second = await takeKey(store, WINDOW)

      expect(await stateOf(store, first)).toBe('pending')
      expect((await holderOf(store)).id).toBe(second.id)
    }),

    uniqueCase('who outlived its window frees nothing when it ends', async (open) => {
      const { store } = open
      const ends = {
        complete: async () => settleOne(store, complete(await claimOne(store))),
        cancel: async (ref: JobRef) => store.cancel([ref]),
        remove: async (ref: JobRef) => store.remove([ref]),
      }
      for (const [how, end] of Object.entries(ends)) {
        const outlived = await takeKey(store, WINDOW)
        await open.advance(WINDOW_MS)
        const holder = await takeKey(store)
        await end(outlived)
        expect((await holderOf(store)).id, how).toBe(holder.id)
        await store.remove([holder])
      }
    }),

    uniqueCase(
      'the holder stays for its window whatever history keeps',
      async (open) => {
        const { store } = open
        const refs = []
        for (const name of ['completed', 'discarded', 'failed', 'cancelled']) {
          const unique = { key: `${KEY}-${name}`, ifTaken: 'keep', windowMs: WINDOW_MS } as const
          refs.push(await takeKey(store, { unique, name }))
        }
        await settleOne(store, complete(await claimOne(store)))
        await settleOne(store, complete(await claimOne(store), null, { discard: true }))
        await settleOne(store, fail(await claimOne(store), ERROR))
        await store.cancel(refs.slice(3))
        await open.advance(WINDOW_MS - 1)
        await pressHistory(store)
        const states = (await store.get(refs)).map((record) => record?.state ?? null)
        expect(states).toEqual(['completed', 'completed', 'failed', 'cancelled'])
        await open.advance(WINDOW_MS)
        await pressHistory(store)

        expect(await store.get(refs)).toEqual([null, null, null, null])
      },
      { history: SHORT },
    ),

    uniqueCase(
      'upkeep at the times that the store names deletes a discarded holder',
      async (open) => {
        const { store } = open
        const ref = await takeKey(store, WINDOW)
        await settleOne(store, complete(await claimOne(store), null, { discard: true }))
        const end = (await open.now()) + 3 * WINDOW_MS
        while ((await stateOf(store, ref)) !== null) {
          expect(await open.now(), 'the window ends in time').toBeLessThan(end)
          const { nextInMs } = await store.maintain({ limit: 10 })
          if ((await stateOf(store, ref)) === null) break
          if (nextInMs === null) throw new Error('the store forgot that a window ends')
          await open.advance(nextInMs + 1)
        }
      },
    ),

    uniqueCase('a retried holder is discarded no more by how it ended before', async (open) => {
      const { store } = open
      const ref = await takeKey(store, WINDOW)
      await settleOne(store, fail(await claimOne(store), ERROR, true))
      await store.retry([ref])
      const job = await claimOne(store)
      await store.cancel([ref])
      await open.advance(WINDOW_MS)
      await settleOne(store, complete(job))

      expect(await stateOf(store, ref)).toBe('cancelled')
    }),

    uniqueCase('`replace` takes over the key of an ended holder as a new job', async (open) => {
      const { store } = open
      const ended = await takeKey(store, WINDOW)
      await settleOne(store, complete(await claimOne(store), '1'))
      const before = await read(store, ended)
      const replacing = await takeKey(store, { unique: REPLACE })
      expect(await read(store, ended)).toEqual(before)
      expect((await holderOf(store)).id).toBe(replacing.id)
      await settleOne(store, complete(await claimOne(store)))

      await takeKey(store)
    }),

    uniqueCase('`debounce` takes over the key of an ended holder as a new job', async (open) => {
      const { store } = open
      await takeKey(store, WINDOW)
      await settleOne(store, complete(await claimOne(store)))
      const unique = { key: KEY, ifTaken: 'debounce', maxWaitMs: 2_000 } as const
      await open.advance(5_000)
      const ref = await takeKey(store, { unique, delayMs: 1_000 })

      expect((await read(store, ref)).runAt).toBe((await open.now()) + 1_000)
      expect((await holderOf(store)).id).toBe(ref.id)
    }),

    uniqueCase('removing an ended holder frees the key', async ({ store }) => {
      const ref = await takeKey(store, WINDOW)
      await settleOne(store, complete(await claimOne(store)))
      expect(await store.remove([ref])).toMatchObject([{ status: 'changed' }])

      await takeKey(store)
    }),

    uniqueCase("an operator's retry of the ended holder is no conflict", async (open) => {
      const { store } = open
      const ref = await takeKey(store, WINDOW)
      await settleOne(store, fail(await claimOne(store), ERROR))
      expect(await store.retry([ref])).toMatchObject([{ status: 'changed' }])

      expect((await holderOf(store)).id).toBe(ref.id)
      expect(idsOf([await claimOne(store)])).toEqual([ref.id])
    }),

    uniqueCase('a retry is refused while an ended job holds the key', async (open) => {
      const { store } = open
      const failed = await takeKey(store)
      await settleOne(store, fail(await claimOne(store), ERROR))
      const holder = await takeKey(store, WINDOW)
      await settleOne(store, complete(await claimOne(store)))
      expect(await store.retry([failed])).toMatchObject([
        { status: 'keyTaken', holderId: holder.id },
      ])
      await open.advance(WINDOW_MS)

      expect(await store.retry([failed])).toMatchObject([{ status: 'changed' }])
    }),
  ],
}
