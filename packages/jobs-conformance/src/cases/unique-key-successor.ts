import { complete, fail, release, retry, type JobRef } from '@cgk/jobs-core'
import { expect } from 'vitest'
import {
  claimEverything,
  claimJobs,
  claimOne,
  claimRequest,
  claimSuspect,
  idsOf,
  LEASE_MS,
  maintainAll,
  read,
  refOf,
  settleOne,
  stateOf,
} from '../claim-jobs.ts'
import { expectHint, withoutWakeUps } from '../expect-hint.ts'
import { loseWorker } from '../lose-worker.ts'
import { enqueueOne, ERROR, newJob, only, QUEUE } from '../new-job.ts'
import { enqueueAny, enqueueReplacing, holderOf, KEEP, REPLACE, takeKey } from '../unique-jobs.ts'
import type { OpenStore } from '../harness.ts'
import { caseNeeding, type CaseGroup } from '../store-case.ts'

const uniqueCase = caseNeeding('uniqueKeys')
const lineCase = caseNeeding('uniqueKeys', 'orderingKeys')

/** A running holder with a job that waits for its key. */
async function follow(open: OpenStore, delayMs = 0) {
  const { store } = open
  await takeKey(store, { payload: '"holder"' })
  const holder = await claimOne(store)
  const successor = await takeKey(store, { unique: REPLACE, payload: '"successor"', delayMs })
  return { store, holder, successor }
}

/** What `replace` makes of a holder that runs: the one job that waits for its end. */
export const uniqueKeySuccessorCases: CaseGroup = {
  operation: 'unique key successor',
  cases: [
    uniqueCase(
      'a running holder stays as it is and the new job waits for its end',
      async (open) => {
        const { store, holder, successor } = await follow(open)
        expect(successor.id).not.toBe(holder.id)
        expect(await read(store, holder)).toMatchObject({ state: 'running', payload: '"holder"' })
        expect(await read(store, successor)).toMatchObject({ state: 'pending', attempts: 0 })
        await open.advance(10_000)
        expect(await store.claim(claimRequest())).toMatchObject({ jobs: [], nextDueInMs: null })
        expect(await settleOne(store, complete(holder))).toBe('settled')

        expect(await claimOne(store)).toMatchObject({ id: successor.id, payload: '"successor"' })
        expect((await holderOf(store)).id).toBe(successor.id)
      },
    ),

    uniqueCase('while a job waits for a key, `keep` answers with the holder', async (open) => {
      const { store, holder } = await follow(open)

      expect((await holderOf(store)).id).toBe(holder.id)
    }),

    uniqueCase('a key has one successor, which later duplicates become', async (open) => {
      const { store, holder, successor } = await follow(open)
      const createdAt = (await read(store, successor)).createdAt
      await open.advance(500)
      const replaced = await enqueueReplacing(store, { name: 'newer', payload: '"newer"' })
      expect(replaced).toMatchObject({ id: successor.id, createdAt, name: 'newer' })
      expect(await store.counts({ queue: QUEUE })).toMatchObject({ pending: 1, running: 1 })
      expect(await claimJobs(store)).toEqual([])
      await settleOne(store, complete(holder))

      const claimed = await claimEverything(store)
      expect(claimed.map(({ id, payload }) => [id, payload])).toEqual([[successor.id, '"newer"']])
    }),

    uniqueCase('a duplicate becomes the successor also while the holder waits', async (open) => {
      const { store, holder, successor } = await follow(open)
      await settleOne(store, retry(holder, ERROR, 1_000))
      const replaced = await enqueueReplacing(store, { payload: '"newer"' })
      expect(replaced).toMatchObject({ id: successor.id, payload: '"newer"' })
      await open.advance(1_000)
      const again = await claimOne(store)
      expect(again).toMatchObject({ id: holder.id, payload: '"holder"' })
      await settleOne(store, complete(again))

      expect(await claimOne(store)).toMatchObject({ id: successor.id, payload: '"newer"' })
    }),

    uniqueCase('whatever ends the holder, the successor has the key at once', async (open) => {
      const ends = {
        complete: ({ store, holder }) => settleOne(store, complete(holder)),
        fail: ({ store, holder }) => settleOne(store, fail(holder, ERROR)),
        discard: ({ store, holder }) => settleOne(store, complete(holder, null, { discard: true })),
        cancel: ({ store, holder }) => store.cancel([refOf(holder)]),
        'cancel between attempts': async ({ store, holder }) => {
          await settleOne(store, retry(holder, ERROR, 60_000))
          return store.cancel([refOf(holder)])
        },
        'remove between attempts': async ({ store, holder }) => {
          await settleOne(store, retry(holder, ERROR, 60_000))
          return store.remove([refOf(holder)])
        },
      } satisfies Record<string, (pair: Awaited<ReturnType<typeof follow>>) => Promise<unknown>>
      for (const [how, end] of Object.entries(ends)) {
        const pair = await follow(open)
        await end(pair)
        expect((await holderOf(open.store)).id, how).toBe(pair.successor.id)
        const job = await claimOne(open.store)
        expect(job.id, how).toBe(pair.successor.id)
        await settleOne(open.store, complete(job))
      }
    }),

    uniqueCase('no retry, release or lost lease lets the successor pass', async (open) => {
      const { store, holder, successor } = await follow(open)
      await settleOne(store, retry(holder, ERROR, 1_000))
      const first = await store.claim(claimRequest())
      expect({ jobs: first.jobs, next: first.nextDueInMs }).toEqual({ jobs: [], next: 1_000 })
      await open.advance(1_000)
      const second = await claimOne(store)
      expect(second.id).toBe(holder.id)
      await settleOne(store, release(second))
      await loseWorker(open)
      expect(await claimJobs(store)).toEqual([])
      const last = await claimSuspect(store)
      expect(last.id).toBe(holder.id)
      await settleOne(store, complete(last))

      expect((await claimOne(store)).id).toBe(successor.id)
    }),

    uniqueCase('a successor is due at its own time', async (open) => {
      const { store, holder, successor } = await follow(open, 10_000)
      const runAt = (await open.now()) + 10_000
      await open.advance(4_000)
      await settleOne(store, complete(holder))
      expect(await read(store, successor)).toMatchObject({ runAt, state: 'pending' })
      expect(await store.claim(claimRequest())).toMatchObject({ jobs: [], nextDueInMs: 6_000 })
      await open.advance(5_999)
      expect(await claimJobs(store)).toEqual([])
      await open.advance(1)

      expect((await claimOne(store)).id).toBe(successor.id)
    }),

    uniqueCase('a successor whose time has passed is due at once', async (open) => {
      const { store, holder, successor } = await follow(open, 10_000)
      await open.advance(20_000)
      expect(await store.claim(claimRequest())).toMatchObject({ jobs: [], nextDueInMs: null })
      await settleOne(store, complete(holder))

      expect((await claimOne(store)).id).toBe(successor.id)
    }),

    uniqueCase('the end of the holder and the successor come in one round trip', async (open) => {
      const { store, holder, successor } = await follow(open)
      const { claimed } = await store.settle({
        settlements: [complete(holder)],
        claim: claimRequest(),
      })

      expect(idsOf(claimed?.jobs ?? [])).toEqual([successor.id])
    }),

    uniqueCase('a successor takes the key once', async (open) => {
      const { store, holder, successor } = await follow(open)
      await settleOne(store, complete(holder))
      const job = await claimOne(store)
      const next = await takeKey(store, { unique: REPLACE })
      expect(await settleOne(store, complete(holder))).toBe('settled')
      expect(await claimJobs(store)).toEqual([])
      expect((await holderOf(store)).id).toBe(successor.id)
      await settleOne(store, complete(job))
      expect(await settleOne(store, complete(holder))).toBe('settled')

      expect(idsOf(await claimEverything(store))).toEqual([next.id])
    }),

    uniqueCase('the late settlement of a cancelled holder changes nothing', async (open) => {
      const { store, holder, successor } = await follow(open)
      await store.cancel([refOf(holder)])
      const running = await claimOne(store)
      const next = await takeKey(store, { unique: REPLACE })
      expect(await settleOne(store, complete(holder))).toBe('cancelled')
      expect(await claimJobs(store)).toEqual([])
      expect((await holderOf(store)).id).toBe(successor.id)
      await settleOne(store, complete(running))

      expect((await claimOne(store)).id).toBe(next.id)
    }),

    uniqueCase('the expired lease of a cancelled holder changes nothing', async (open) => {
      const { store, holder, successor } = await follow(open, 600_000)
      await store.cancel([refOf(holder)])
      await open.advance(LEASE_MS + 1)
      await maintainAll(store)

      expect((await holderOf(store)).id).toBe(successor.id)
      expect(await stateOf(store, successor)).toBe('pending')
    }),

    uniqueCase('cancelling or removing the successor leaves the holder its key', async (open) => {
      const { store, holder, successor } = await follow(open)
      expect(await store.cancel([successor])).toMatchObject([{ status: 'changed' }])
      expect((await holderOf(store)).id).toBe(holder.id)
      const second = await takeKey(store, { unique: REPLACE })
      expect(await store.remove([second])).toMatchObject([{ status: 'changed' }])
      expect((await holderOf(store)).id).toBe(holder.id)
      const third = await takeKey(store, { unique: REPLACE })
      expect(await store.remove([successor])).toMatchObject([{ status: 'changed' }])
      await settleOne(store, complete(holder))

      expect(idsOf(await claimEverything(store))).toEqual([third.id])
    }),

    uniqueCase('a cancelled successor does not come back when the holder ends', async (open) => {
      const { store, holder, successor } = await follow(open)
      await store.cancel([successor])
      expect(await store.retry([successor])).toMatchObject([
        { status: 'keyTaken', holderId: holder.id },
      ])
      await settleOne(store, complete(holder))
      expect(await claimJobs(store)).toEqual([])
      expect(await stateOf(store, successor)).toBe('cancelled')

      await takeKey(store)
    }),

    uniqueCase('a retry of an earlier job is refused while a successor waits', async (open) => {
      const { store } = open
      const failed = await takeKey(store)
      await settleOne(store, fail(await claimOne(store), ERROR))
      const { holder, successor } = await follow(open, 60_000)
      await settleOne(store, complete(holder))

      expect(await store.retry([failed])).toMatchObject([
        { status: 'keyTaken', holderId: successor.id },
      ])
    }),

    uniqueCase('jobs of one call that would follow are one', async ({ store }) => {
      await takeKey(store)
      const holder = await claimOne(store)
      const results = await store.enqueue([
        newJob({ unique: REPLACE, payload: '1' }),
        newJob({ unique: KEEP, payload: '2' }),
        newJob({ unique: REPLACE, payload: '3' }),
      ])
      expect(results).toMatchObject([
        { status: 'enqueued' },
        { status: 'existing', job: { id: holder.id } },
        { status: 'replaced', job: { payload: '3' } },
      ])
      await settleOne(store, complete(holder))

      const claimed = await claimEverything(store)
      expect(claimed.map(({ payload }) => payload)).toEqual(['3'])
    }),

    uniqueCase("follow-ups of another job may replace the holder's successor", async (open) => {
      const { store, holder, successor } = await follow(open)
      await enqueueOne(store)
      const parent = await claimOne(store)
      const followUps = [newJob({ unique: REPLACE, payload: '"from a parent"' })]
      await settleOne(store, complete(parent, null, { followUps }))
      expect(await claimJobs(store)).toEqual([])
      await settleOne(store, complete(holder))

      expect(await claimOne(store)).toMatchObject({
        id: successor.id,
        payload: '"from a parent"',
      })
    }),

    caseNeeding('uniqueKeys', 'concurrencyKeys')(
      'a follow-up may replace a holder that the same call lets wait again',
      async ({ store }) => {
        const bounds = { concurrencyKey: 'key', concurrencyLimit: 1 }
        await takeKey(store, bounds)
        await enqueueOne(store)
        const [holder, parent] = await claimEverything(store)
        const followUps = [newJob({ unique: REPLACE, payload: '"from a parent"', ...bounds })]
        await store.settle({
          settlements: [retry(holder!, ERROR, 0), complete(parent!, null, { followUps })],
        })

        const claimed = await claimEverything(store)
        expect(claimed.map(({ id, payload }) => ({ id, payload }))).toEqual([
          { id: holder!.id, payload: '"from a parent"' },
        ])
        await settleOne(store, complete(only(claimed)))
        await enqueueOne(store, bounds)
        expect(await claimEverything(store)).toHaveLength(1)
      },
    ),

    uniqueCase('duplicates racing the end of the holder are never lost', async (open) => {
      const { store } = open
      const other = await open.another()
      for (let round = 0; round < 10; round += 1) {
        await takeKey(store)
        const holder = await claimOne(store)
        await Promise.all([
          settleOne(store, complete(holder)),
          enqueueAny(other, { unique: REPLACE, payload: `${round}` }),
        ])
        const job = await claimOne(store)
        expect(job.payload).toBe(`${round}`)
        await settleOne(store, complete(job))
      }
    }),

    lineCase('a successor that waits for its key blocks its line', async ({ store }) => {
      const line = { orderingKey: 'customer-1' }
      await takeKey(store)
      const holder = await claimOne(store)
      const successor = await takeKey(store, { unique: REPLACE, ...line })
      const behind = await enqueueOne(store, line)
      await enqueueReplacing(store, { payload: '"newer"', ...line })
      expect(await claimJobs(store)).toEqual([])
      await settleOne(store, complete(holder))
      const first = only(await claimJobs(store))
      expect(first).toMatchObject({ id: successor.id, payload: '"newer"' })
      await settleOne(store, complete(first))

      expect((await claimOne(store)).id).toBe(behind.id)
    }),

    uniqueCase(
      'the end of a holder hints at its successor',
      async (open) => {
        let end: () => Promise<unknown> = async () => {}
        let last: JobRef | null = null
        await expectHint(
          open.store,
          'ready',
          () => end(),
          async () => {
            if (last !== null) await open.store.cancel([last])
            const { store, holder, successor } = await follow(open)
            last = successor
            end = () => settleOne(store, complete(holder))
          },
        )
      },
      { skip: withoutWakeUps },
    ),
  ],
}
