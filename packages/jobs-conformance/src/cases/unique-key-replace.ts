import { complete, fail, release, retry } from '@cgk/jobs-core'
import { expect } from 'vitest'
import {
  claimEverything,
  claimJobs,
  claimOne,
  claimRequest,
  claimSuspect,
  idsOf,
  leaseOf,
  read,
  refOf,
  settleOne,
} from '../claim-jobs.ts'
import { listed } from '../listed.ts'
import { loseWorker } from '../lose-worker.ts'
import { enqueueOne, ERROR } from '../new-job.ts'
import { enqueueAny, enqueueReplacing, holderOf, KEY, REPLACE, takeKey } from '../unique-jobs.ts'
import { caseNeeding, type CaseGroup } from '../store-case.ts'

const uniqueCase = caseNeeding('uniqueKeys')

/** What `replace` does to a holder that waits. */
export const uniqueKeyReplaceCases: CaseGroup = {
  operation: 'unique key replace',
  cases: [
    uniqueCase('a free key is taken', async ({ store }) => {
      const ref = await takeKey(store, { unique: REPLACE })

      expect((await holderOf(store)).id).toBe(ref.id)
      expect(idsOf(await claimEverything(store))).toEqual([ref.id])
    }),

    uniqueCase('a waiting holder becomes the new job under its own id', async (open) => {
      const { store } = open
      const createdAt = await open.now()
      const holder = await takeKey(store, {
        metadata: '{"old":1}',
        headers: '{"trace":"old"}',
        maxAttempts: 1,
        retryDelayMs: 1,
        timeoutMs: 1,
        delayMs: 60_000,
      })
      await open.advance(1_000)
      const now = await open.now()
      const replaced = await enqueueReplacing(store, {
        name: 'send-reminder',
        payload: '{ "new": 1.0 }',
        metadata: '{"new":1}',
        headers: '{"trace":"new"}',
        priority: 7,
        maxAttempts: 5,
        retryDelayMs: 50,
        timeoutMs: 500,
        delayMs: 5_000,
      })

      expect(replaced).toEqual(listed(await read(store, holder)))
      expect(replaced).toMatchObject({
        id: holder.id,
        name: 'send-reminder',
        payload: '{ "new": 1.0 }',
        metadata: '{"new":1}',
        headers: '{"trace":"new"}',
        priority: 7,
        maxAttempts: 5,
        retryDelayMs: 50,
        timeoutMs: 500,
        state: 'pending',
        createdAt,
        updatedAt: now,
        runAt: now + 5_000,
        generation: 1,
      })
      await open.advance(4_999)
      expect(await claimJobs(store)).toEqual([])
      await open.advance(1)
      expect(idsOf(await claimEverything(store))).toEqual([holder.id])
    }),

    uniqueCase('what the new job does not say is not kept of the old', async ({ store }) => {
      const holder = await takeKey(store, {
        metadata: '{"old":1}',
        headers: '{"trace":"old"}',
        maxAttempts: 1,
        retryDelayMs: 1,
        timeoutMs: 1,
        delayMs: 60_000,
      })
      await enqueueReplacing(store)

      expect(await claimOne(store)).toMatchObject({
        id: holder.id,
        metadata: null,
        headers: null,
        maxAttempts: null,
        retryDelayMs: null,
        timeoutMs: null,
      })
    }),

    uniqueCase('the place among its equals stays', async (open) => {
      const { store } = open
      const holder = await takeKey(store)
      const behind = await enqueueOne(store)
      await open.advance(1_000)
      await enqueueReplacing(store)

      expect(idsOf(await claimEverything(store))).toEqual([holder.id, behind.id])
    }),

    uniqueCase('the place stays also where the new job waits for its time', async (open) => {
      const { store } = open
      const holder = await takeKey(store)
      const behind = await enqueueOne(store, { delayMs: 1_000 })
      await enqueueReplacing(store, { delayMs: 1_000 })
      await open.advance(1_000)

      expect(idsOf(await claimEverything(store))).toEqual([holder.id, behind.id])
    }),

    uniqueCase('the priority is that of the new job', async ({ store }) => {
      const holder = await takeKey(store, { priority: 5 })
      const plain = await enqueueOne(store, { priority: 3 })
      await enqueueReplacing(store, { priority: 1 })
      expect((await claimOne(store)).id).toBe(plain.id)

      const next = await enqueueOne(store, { priority: 3 })
      await enqueueReplacing(store, { priority: 9 })
      expect(idsOf(await claimEverything(store))).toEqual([holder.id, next.id])
    }),

    uniqueCase('a due time is put off and a late one brought forward', async (open) => {
      const { store } = open
      const holder = await takeKey(store)
      await enqueueReplacing(store, { delayMs: 10_000 })
      const late = await store.claim(claimRequest())
      expect({ ids: idsOf(late.jobs), next: late.nextDueInMs }).toEqual({ ids: [], next: 10_000 })

      await enqueueReplacing(store)
      expect(idsOf(await claimEverything(store))).toEqual([holder.id])
    }),

    uniqueCase('a holder that waits for its next attempt begins anew', async (open) => {
      const { store } = open
      const holder = await takeKey(store)
      await settleOne(store, release(await claimOne(store, { worker: 'first' })))
      const attempt = await claimOne(store, { worker: 'second' })
      await store.report([
        { lease: leaseOf(attempt), progress: '50', log: ['line'], effects: { charge: '1' } },
      ])
      await settleOne(store, retry(attempt, ERROR, 60_000))
      await enqueueReplacing(store)

      expect(await read(store, holder)).toMatchObject({
        attempts: 0,
        releases: 0,
        startedAt: null,
        worker: null,
        error: null,
        progress: null,
        log: [],
        failures: [],
        effects: null,
      })
      expect(await claimOne(store)).toMatchObject({ id: holder.id, attempts: 1, effects: null })
    }),

    uniqueCase('a suspect that is replaced is none any more', async (open) => {
      const { store } = open
      const holder = await takeKey(store)
      await loseWorker(open)
      await enqueueReplacing(store)
      expect(await read(store, holder)).toMatchObject({ lostLeases: 0, failures: [] })
      expect(await store.claim(claimRequest({ suspects: true }))).toMatchObject({ jobs: [] })
      const result = await store.claim(claimRequest())

      expect(idsOf(result.jobs)).toEqual([holder.id])
      expect(result.hasSuspects).toBe(false)
    }),

    uniqueCase('the generation stays', async ({ store }) => {
      const holder = await takeKey(store)
      await settleOne(store, fail(await claimOne(store), ERROR))
      await store.retry([holder])
      await enqueueReplacing(store)

      expect((await read(store, holder)).generation).toBe(2)
    }),

    uniqueCase('the token of an attempt of the old job is dead', async (open) => {
      const { store } = open
      const holder = await takeKey(store)
      const old = await claimOne(store)
      await settleOne(store, retry(old, ERROR, 60_000))
      await enqueueReplacing(store)
      const before = await read(store, holder)
      await settleOne(store, complete(old))
      expect(await store.report([{ lease: leaseOf(old), progress: '1' }])).toEqual([false])

      expect(await read(store, holder)).toEqual(before)
      expect((await claimOne(store)).id).toBe(holder.id)
    }),

    uniqueCase('a burst of a hundred is one job, the last', async (open) => {
      const handles = [open.store, await open.another()]
      const holder = await takeKey(open.store, { unique: REPLACE, payload: '"first"' })
      for (let index = 0; index < 100; index += 1) {
        const handle = handles[index % 2] ?? open.store
        const replaced = await enqueueReplacing(handle, { payload: `${index}` })
        expect(replaced.id).toBe(holder.id)
      }

      const claimed = await claimEverything(open.store)
      expect(claimed.map(({ id, payload }) => [id, payload])).toEqual([[holder.id, '99']])
    }),

    uniqueCase('replacements racing a claim are never lost', async (open) => {
      const { store } = open
      const other = await open.another()
      for (let round = 0; round < 10; round += 1) {
        const unique = { key: `${KEY}-${round}`, ifTaken: 'replace' } as const
        await takeKey(store, { unique, payload: '"old"' })
        const [claimed, result] = await Promise.all([
          claimJobs(store),
          enqueueAny(other, { unique, payload: '"new"' }),
        ])
        const ran = [...claimed]
        await store.settle({ settlements: claimed.map((job) => complete(job)) })
        const rest = await claimEverything(store)
        await store.settle({ settlements: rest.map((job) => complete(job)) })
        ran.push(...rest)

        expect(ran.at(-1)?.payload, 'the last to run').toBe('"new"')
        expect(ran.length).toBe(result.status === 'replaced' ? 1 : 2)
      }
    }),

    uniqueCase('a suspect claimed again is a holder that runs', async (open) => {
      const { store } = open
      const holder = await takeKey(store)
      await loseWorker(open)
      const running = await claimSuspect(store)
      const result = await enqueueAny(store, { unique: REPLACE, payload: '"new"' })

      expect(result.status).toBe('enqueued')
      expect(await read(store, holder)).toMatchObject({
        state: 'running',
        payload: running.payload,
      })
      expect(await settleOne(store, complete(running))).toBe('settled')
      expect(await claimOne(store)).toMatchObject({ payload: '"new"' })
      expect(refOf(running)).toEqual(holder)
    }),
  ],
}
