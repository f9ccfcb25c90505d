import { complete, type JobStore } from '@cgk/jobs-core'
import { expect } from 'vitest'
import {
  claimEverything,
  claimJobs,
  claimOne,
  idsOf,
  read,
  settleOne,
  stateOf,
} from '../claim-jobs.ts'
import { expectRefusal } from '../expect-refusal.ts'
import { listed } from '../listed.ts'
import { enqueueOne, newJob, OTHER_TENANT, QUEUE, TENANT } from '../new-job.ts'
import { enqueueAny, holderOf, KEEP, KEY, REPLACE, takeKey } from '../unique-jobs.ts'
import { caseNeeding, type CaseGroup } from '../store-case.ts'

const uniqueCase = caseNeeding('uniqueKeys')

/** Texts that only a comparison unit by unit keeps apart. */
const DISTINCT_KEYS = [
  'key',
  'Key',
  'key ',
  'key:1',
  'key:1:',
  'ключ',
  'é',
  'e\u0301',
  '🚀',
  'null',
  '*',
  '%',
  '{key}',
  'k'.repeat(200),
  `${'k'.repeat(199)}l`,
]

async function pendingOf(store: JobStore): Promise<number> {
  return (await store.counts({ queue: QUEUE })).pending
}

/** Who holds a unique key, who takes it, and what a duplicate with `keep` is answered. */
export const uniqueKeysCases: CaseGroup = {
  operation: 'unique keys',
  cases: [
    uniqueCase('a duplicate is not stored and answered with the holder', async ({ store }) => {
      const holder = await takeKey(store, { payload: '{"first":1}' })
      const result = await enqueueAny(store, { unique: KEEP, payload: '{"second":2}' })

      expect(result).toEqual({ status: 'existing', job: listed(await read(store, holder)) })
      expect(idsOf(await claimEverything(store))).toEqual([holder.id])
    }),

    uniqueCase('a job shows its key and a job without one shows none', async ({ store }) => {
      const keyed = await takeKey(store)
      const plain = await enqueueOne(store)

      expect((await read(store, keyed)).keys).toEqual({
        unique: KEY,
        ordering: null,
        concurrency: null,
        concurrencyLimit: null,
      })
      expect((await read(store, plain)).keys).toBeNull()
    }),

    uniqueCase('a key belongs to its own queue and tenant alone', async ({ store }) => {
      const owners = [
        { queue: QUEUE, tenantId: TENANT },
        { queue: QUEUE, tenantId: OTHER_TENANT },
        { queue: QUEUE, tenantId: null },
        { queue: 'mails', tenantId: TENANT },
      ]
      const holders = []
      for (const owner of owners) holders.push(await takeKey(store, owner))
      await store.cancel([holders[0]!])

      for (const [index, owner] of owners.entries()) {
        if (index === 0) await takeKey(store, owner)
        else expect((await holderOf(store, owner)).id).toBe(holders[index]!.id)
      }
    }),

    uniqueCase('keys are the same only where every character is', async ({ store }) => {
      const holders = new Map<string, string>()
      for (const key of DISTINCT_KEYS) {
        holders.set(key, (await takeKey(store, { unique: { key, ifTaken: 'keep' } })).id)
      }

      for (const key of DISTINCT_KEYS) {
        const holder = await holderOf(store, { unique: { key, ifTaken: 'keep' } })
        expect([holder.id, holder.keys?.unique]).toEqual([holders.get(key), key])
      }
    }),

    uniqueCase('the key of one kind is no key of another', async ({ store }) => {
      await takeKey(store)
      const jobs = [newJob({ unique: { key: 'other', ifTaken: 'keep' } }), newJob()]
      const results = await store.enqueue(jobs)

      expect(results.map(({ status }) => status)).toEqual(['enqueued', 'enqueued'])
    }),

    uniqueCase('jobs of one call meet each other as those of several would', async ({ store }) => {
      const results = await store.enqueue([
        newJob({ unique: KEEP, payload: '1' }),
        newJob({ unique: KEEP, payload: '2' }),
        newJob({ payload: '3' }),
        newJob({ unique: REPLACE, payload: '4' }),
        newJob({ unique: KEEP, payload: '5' }),
      ])
      const [first] = results
      if (first?.status !== 'enqueued') throw new Error('expected the first job to be stored')

      expect(results).toMatchObject([
        { status: 'enqueued' },
        { status: 'existing', job: { id: first.id } },
        { status: 'enqueued' },
        { status: 'replaced', job: { id: first.id, payload: '4' } },
        { status: 'existing', job: { id: first.id, payload: '4' } },
      ])
      const claimed = await claimJobs(store)
      expect(claimed.map(({ payload }) => payload)).toEqual(['4', '3'])
    }),

    uniqueCase('a job id is looked at before the key', async ({ store }) => {
      const named = await enqueueOne(store, {
        jobId: 'named',
        unique: { key: 'a', ifTaken: 'keep' },
      })
      const other = await takeKey(store, { unique: { key: 'b', ifTaken: 'keep' } })
      const again = await enqueueAny(store, {
        jobId: 'named',
        unique: { key: 'b', ifTaken: 'keep' },
      })
      const fresh = await enqueueAny(store, {
        jobId: 'fresh',
        unique: { key: 'b', ifTaken: 'keep' },
      })

      expect(again).toMatchObject({ status: 'existing', job: { id: named.id } })
      expect(fresh).toMatchObject({ status: 'existing', job: { id: other.id } })
      expect(await stateOf(store, { ...named, id: 'fresh' })).toBeNull()
    }),

    uniqueCase('a refused call has taken, replaced and freed no key', async ({ store }) => {
      const holder = await takeKey(store, { payload: '{"old":1}' })
      await enqueueOne(store, { jobId: 'named', payload: '1' })
      const before = await read(store, holder)
      const batch = [
        newJob({ unique: { key: 'fresh', ifTaken: 'keep' } }),
        newJob({ unique: REPLACE, payload: '{"new":1}', priority: 9 }),
        newJob({ jobId: 'named', payload: '2' }),
      ]
      await expectRefusal(store.enqueue(batch), 'JOBS_ID_CONFLICT')

      expect(await read(store, holder)).toEqual(before)
      await takeKey(store, { unique: { key: 'fresh', ifTaken: 'keep' } })
      expect(await pendingOf(store)).toBe(3)
    }),

    uniqueCase("a follow-up meets keys as any job does, its parent's included", async (open) => {
      const { store } = open
      const waiting = await takeKey(store, {
        unique: { key: 'waiting', ifTaken: 'keep' },
        delayMs: 9,
      })
      await takeKey(store)
      const parent = await claimOne(store)
      const followUps = [
        newJob({ name: 'kept', unique: { key: 'waiting', ifTaken: 'keep' } }),
        newJob({ name: 'replacing', unique: { key: 'waiting', ifTaken: 'replace' } }),
        newJob({ name: 'next', unique: KEEP }),
      ]
      expect(await settleOne(store, complete(parent, null, { followUps }))).toBe('settled')

      expect(await read(store, waiting)).toMatchObject({ name: 'replacing' })
      expect(await holderOf(store)).toMatchObject({ name: 'next', state: 'pending' })
      expect(await pendingOf(store)).toBe(2)
    }),

    uniqueCase('a refused settlement takes no key for its follow-ups', async ({ store }) => {
      await enqueueOne(store, { jobId: 'named', delayMs: 60_000 })
      await enqueueOne(store)
      const parent = await claimOne(store)
      const followUps = [
        newJob({ unique: KEEP }),
        newJob({ jobId: 'named', payload: '{"another":1}' }),
      ]
      const result = await settleOne(store, complete(parent, null, { followUps }))
      expect(result).toMatchObject({ status: 'conflict', index: 1 })
      await takeKey(store)

      expect(await stateOf(store, parent)).toBe('running')
    }),

    uniqueCase('of handles racing for a key one gets it', async (open) => {
      const handles = [open.store, await open.another()]
      for (let round = 0; round < 10; round += 1) {
        const unique = { key: `key-${round}`, ifTaken: 'keep' } as const
        const results = await Promise.all(
          Array.from({ length: 8 }, (_, index) => enqueueAny(handles[index % 2]!, { unique })),
        )
        const ids = results.map((result) => ('job' in result ? result.job.id : result.id))

        expect(results.filter(({ status }) => status === 'enqueued')).toHaveLength(1)
        expect(new Set(ids).size).toBe(1)
      }
    }),
  ],
}
