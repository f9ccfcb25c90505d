import { complete, release, retry } from '@cgk/jobs-core'
import { expect } from 'vitest'
import {
  claimEverything,
  claimJobs,
  claimOne,
  claimRequest,
  idsOf,
  LEASE_MS,
  read,
  refOf,
  settleOne,
} from '../claim-jobs.ts'
import {
  enqueueAll,
  enqueueOne,
  ERROR,
  newJob,
  newJobs,
  OTHER_TENANT,
  QUEUE,
  shuffled,
  TENANT,
} from '../new-job.ts'
import { storeCase, type CaseGroup } from '../store-case.ts'

export const claimCases: CaseGroup = {
  operation: 'claim',
  cases: [
    storeCase('a claimed job is running, its attempt counted and its start noted', async (open) => {
      const { store } = open
      const ref = await enqueueOne(store, { payload: '{"n":1}', maxAttempts: 4 })
      await open.advance(250)
      const now = await open.now()
      const job = await claimOne(store)

      expect(job).toMatchObject({
        ...ref,
        name: 'send-invoice',
        payload: '{"n":1}',
        maxAttempts: 4,
        state: 'running',
        attempts: 1,
        lostLeases: 0,
        releases: 0,
        generation: 1,
        createdAt: now - 250,
        startedAt: now,
        endedAt: null,
      })
      expect(job.token).toEqual(expect.any(String))
      expect(job.token).not.toBe('')
    }),

    storeCase('every handle sees a claimed job as the claim gave it', async (open) => {
      const other = await open.another()
      await enqueueOne(open.store)
      const { token: _, ...record } = await claimOne(open.store)

      expect(await read(other, record)).toEqual(record)
    }),

    storeCase('an empty queue gives nothing and waits for nothing', async ({ store }) => {
      expect(await store.claim(claimRequest())).toEqual({
        jobs: [],
        nextDueInMs: null,
        awaitsRelease: false,
        hasSuspects: false,
      })
    }),

    storeCase('a claim takes jobs of its queue alone', async ({ store }) => {
      await enqueueOne(store, { queue: 'mails' })
      const ref = await enqueueOne(store, { queue: QUEUE })

      expect(idsOf(await claimJobs(store))).toEqual([ref.id])
      expect(await claimJobs(store, { queue: 'reports' })).toEqual([])
    }),

    storeCase('a claim takes jobs of every tenant and of none', async ({ store }) => {
      const refs = await enqueueAll(
        store,
        [TENANT, OTHER_TENANT, null].map((tenantId) => newJob({ tenantId })),
      )
      const claimed = await claimJobs(store)

      expect(new Set(claimed.map((job) => job.tenantId))).toEqual(
        new Set([TENANT, OTHER_TENANT, null]),
      )
      expect(new Set(idsOf(claimed))).toEqual(new Set(idsOf(refs)))
    }),

    storeCase('higher priority comes first within one call', async ({ store }) => {
      const priorities = [0, -32_768, 5, 32_767, -1, 5]
      const refs = await enqueueAll(
        store,
        priorities.map((priority) => newJob({ priority })),
      )

      expect(idsOf(await claimJobs(store))).toEqual(
        [3, 2, 5, 0, 4, 1].map((index) => refs[index]?.id),
      )
    }),

    storeCase('higher priority comes first across enqueue calls too', async (open) => {
      const { store } = open
      const low = await enqueueOne(store, { priority: 1 })
      await open.advance(10)
      const high = await enqueueOne(await open.another(), { priority: 9 })
      await open.advance(10)
      const middle = await enqueueOne(store, { priority: 5 })

      expect(idsOf(await claimJobs(store))).toEqual(idsOf([high, middle, low]))
    }),

    storeCase('a late job of higher priority passes those that wait', async ({ store }) => {
      const waiting = await enqueueAll(store, newJobs(5, 'waiting'))
      expect((await claimOne(store)).id).toBe(waiting[0]?.id)
      const urgent = await enqueueOne(store, { priority: 1 })

      expect(idsOf(await claimJobs(store, { slots: 2 }))).toEqual([urgent.id, 'waiting-1'])
    }),

    storeCase('equal priority is claimed in the order of the enqueue calls', async (open) => {
      const { store } = open
      const other = await open.another()
      const refs = [
        ...(await enqueueAll(store, [newJob(), newJob()])),
        await enqueueOne(other),
        ...(await enqueueAll(store, [newJob(), newJob(), newJob()])),
        await enqueueOne(other),
      ]
      const first = await claimJobs(store, { slots: 3 })
      const rest = await claimJobs(other, { slots: 10 })

      expect(idsOf([...first, ...rest])).toEqual(idsOf(refs))
    }),

    storeCase('equal priority within one call is claimed in its order', async ({ store }) => {
      const refs = await enqueueAll(store, [
        newJob({ tenantId: OTHER_TENANT, jobId: 'o-2' }),
        newJob({ jobId: 'z' }),
        newJob({ jobId: 'y', priority: 3 }),
        newJob({ jobId: 'x' }),
        newJob({ tenantId: OTHER_TENANT, jobId: 'o-1' }),
        newJob({ jobId: 'w', priority: 3 }),
      ])
      const claimed = await claimJobs(store)
      const ofTenant = (tenantId: string) =>
        idsOf(claimed.filter((job) => job.tenantId === tenantId))

      expect(claimed).toHaveLength(refs.length)
      expect(ofTenant(TENANT)).toEqual(['y', 'w', 'z', 'x'])
      expect(ofTenant(OTHER_TENANT)).toEqual(['o-2', 'o-1'])
    }),

    storeCase('delayed jobs of one call that fall due together keep its order', async (open) => {
      await enqueueAll(open.store, newJobs(20, 'later', { delayMs: 1_000 }))
      await open.advance(60_000)

      expect(idsOf(await claimJobs(open.store))).toEqual(
        Array.from({ length: 20 }, (_, index) => `later-${index}`),
      )
    }),

    storeCase('a job that waits for its time does not block those behind it', async (open) => {
      const { store } = open
      const later = await enqueueOne(store, { priority: 100, delayMs: 10_000 })
      const now = await enqueueOne(store)
      expect(idsOf(await claimJobs(store))).toEqual([now.id])

      await open.advance(10_000)
      const low = await enqueueOne(store)
      expect(idsOf(await claimJobs(store))).toEqual(idsOf([later, low]))
    }),

    storeCase(
      'priority holds among hundreds of jobs, some taken out of the middle',
      async (open) => {
        const { store } = open
        const priorities = shuffled(300)
        const refs = await enqueueAll(
          store,
          priorities.map((priority) => newJob({ priority, jobId: `job-${priority}` })),
        )
        await store.cancel(refs.filter((_, index) => index % 3 === 0))
        await store.remove(refs.filter((_, index) => index % 3 === 1))
        await store.retry(refs.filter((_, index) => index % 6 === 0))
        const left = priorities.filter((_, index) => index % 3 === 2 || index % 6 === 0)

        expect(idsOf(await claimEverything(store, { slots: 40 }))).toEqual(
          left.toSorted((a, b) => b - a).map((priority) => `job-${priority}`),
        )
      },
    ),

    storeCase(
      'each of hundreds of delayed jobs comes at its time, none cancelled',
      async (open) => {
        const { store } = open
        const delays = shuffled(300)
        const refs = await enqueueAll(
          store,
          delays.map((delay) => newJob({ delayMs: (delay + 1) * 10, jobId: `job-${delay}` })),
        )
        await store.cancel(refs.filter((_, index) => index % 3 === 0))
        const live = delays.filter((_, index) => index % 3 !== 0).sort((a, b) => a - b)
        for (let from = 0; from < 300; from += 25) {
          await open.advance(250)
          const due = live.filter((delay) => delay >= from && delay < from + 25)
          const claimed = idsOf(await claimEverything(store)).sort()
          expect(claimed).toEqual(due.map((delay) => `job-${delay}`).sort())
        }
      },
    ),

    storeCase('a job given back without delay keeps its place', async ({ store }) => {
      const refs = await enqueueAll(store, newJobs(4, 'job'))
      const [first, second] = await claimJobs(store, { slots: 2 })
      if (first === undefined || second === undefined) throw new Error('expected two jobs')
      await store.settle({ settlements: [release(second), release(first)] })

      expect(idsOf(await claimJobs(store))).toEqual(idsOf(refs))
    }),

    storeCase('a claim takes no more than its slots', async ({ store }) => {
      await enqueueAll(store, newJobs(5, 'job'))

      expect(idsOf(await claimJobs(store, { slots: 2 }))).toEqual(['job-0', 'job-1'])
      expect(idsOf(await claimJobs(store, { slots: 2 }))).toEqual(['job-2', 'job-3'])
      expect(idsOf(await claimJobs(store, { slots: 2 }))).toEqual(['job-4'])
    }),

    storeCase(
      'a claim fills its slots and takes no more than the prefetch beyond',
      async (open) => {
        await enqueueAll(open.store, newJobs(10, 'job'))
        const claimed = await claimJobs(open.store, { slots: 2, prefetch: 3 })

        expect(claimed.length).toBeGreaterThanOrEqual(2)
        expect(claimed.length).toBeLessThanOrEqual(5)
        expect(idsOf(claimed)).toEqual(claimed.map((_, index) => `job-${index}`))
      },
    ),

    storeCase('a claim without slots takes nothing', async ({ store }) => {
      const ref = await enqueueOne(store)
      expect(await claimJobs(store, { slots: 0, prefetch: 0 })).toEqual([])

      expect(await read(store, ref)).toMatchObject({ state: 'pending', attempts: 0 })
    }),

    storeCase(
      'a claimed job is not claimed again, not even when its lease has expired',
      async (open) => {
        // Expiry permits taking back; the taking back is upkeep's, which counts it.
        const { store } = open
        await enqueueOne(store)
        await claimOne(store, { leaseMs: 5_000 })
        expect(await claimJobs(await open.another())).toEqual([])

        await open.advance(5_001)
        expect(await claimJobs(store)).toEqual([])
      },
    ),

    storeCase('handles claiming at once never get one job twice', async (open) => {
      const handles = [open.store, await open.another()]
      const refs = await enqueueAll(open.store, [
        ...newJobs(100, 'a'),
        ...newJobs(100, 'b', { tenantId: OTHER_TENANT }),
        ...newJobs(100, 'c', { tenantId: null, priority: 1 }),
      ])
      const claims = await Promise.all(
        Array.from({ length: 8 }, (_, index) =>
          claimEverything(handles[index % 2] ?? open.store, {
            slots: 7,
            worker: `worker-${index}`,
          }),
        ),
      )
      const claimed = claims.flat()

      expect(claimed).toHaveLength(300)
      expect(new Set(idsOf(claimed))).toEqual(new Set(idsOf(refs)))
      expect(new Set(claimed.map((job) => job.token)).size).toBe(300)
      expect(new Set(claimed.map((job) => job.attempts))).toEqual(new Set([1]))
    }),

    storeCase('handles racing for one job get it once', async (open) => {
      const other = await open.another()
      for (let round = 0; round < 10; round += 1) {
        const ref = await enqueueOne(open.store)
        const claims = await Promise.all(
          [open.store, other, open.store, other].map((handle) => claimJobs(handle, { slots: 1 })),
        )

        expect(idsOf(claims.flat())).toEqual([ref.id])
      }
    }),

    storeCase('every claim of a job has another token', async (open) => {
      const { store } = open
      await enqueueOne(store)
      const tokens = new Set<string>()
      for (let round = 0; round < 5; round += 1) {
        const released = await claimOne(store)
        await settleOne(store, release(released))
        const retried = await claimOne(store)
        await settleOne(store, retry(retried, ERROR, 0))
        tokens.add(released.token).add(retried.token)
      }

      expect(tokens.size).toBe(10)
    }),

    storeCase('each attempt counts one more, each attempt given back does not', async (open) => {
      const { store } = open
      await enqueueOne(store)
      const attempts: number[] = []
      for (const settle of [retry, release, retry, release, release] as const) {
        const job = await claimOne(store)
        attempts.push(job.attempts)
        await settleOne(store, settle === retry ? retry(job, ERROR, 0) : release(job))
      }
      const last = await claimOne(store)

      expect([...attempts, last.attempts]).toEqual([1, 2, 2, 3, 3, 3])
      expect(last.releases).toBe(3)
    }),

    storeCase('a claim that stopped at its slots says that more can be had now', async (open) => {
      await enqueueAll(open.store, newJobs(3, 'job'))
      const result = await open.store.claim(claimRequest({ slots: 2 }))

      expect(result.jobs).toHaveLength(2)
      expect(result.nextDueInMs).toBe(0)
    }),

    storeCase('a claim tells when the next delayed job falls due', async (open) => {
      const { store } = open
      await enqueueOne(store, { delayMs: 8_000, priority: 5 })
      await enqueueOne(store, { delayMs: 3_000, tenantId: OTHER_TENANT })
      expect(await store.claim(claimRequest())).toMatchObject({ jobs: [], nextDueInMs: 3_000 })

      await open.advance(1_000)
      expect(await store.claim(claimRequest())).toMatchObject({ jobs: [], nextDueInMs: 2_000 })

      await open.advance(2_000)
      const result = await store.claim(claimRequest())
      expect(result.jobs).toHaveLength(1)
      expect(result.nextDueInMs).toBe(5_000)
    }),

    storeCase('a claim tells when a retried or a snoozed job falls due', async ({ store }) => {
      await enqueueAll(store, newJobs(2, 'job'))
      const [first, second] = await claimJobs(store)
      if (first === undefined || second === undefined) throw new Error('expected two jobs')
      await store.settle({ settlements: [retry(first, ERROR, 7_000), release(second, 4_000)] })

      expect((await store.claim(claimRequest())).nextDueInMs).toBe(4_000)
    }),

    storeCase('an ended job is never claimed again', async (open) => {
      const { store } = open
      await enqueueOne(store)
      const job = await claimOne(store)
      await settleOne(store, complete(job))
      await open.advance(10 * LEASE_MS)
      await store.maintain({ limit: 100 })

      expect(await claimJobs(store)).toEqual([])
      expect(await claimJobs(store, { suspects: true })).toEqual([])
      expect(await read(store, refOf(job))).toMatchObject({ state: 'completed', attempts: 1 })
    }),
  ],
}
