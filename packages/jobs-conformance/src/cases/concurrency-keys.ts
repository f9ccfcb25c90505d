import { complete, fail, release, retry, type ClaimedJob, type NewJob } from '@cgk/jobs-core'
import { expect } from 'vitest'
import {
  claimEverything,
  claimJobs,
  claimOne,
  claimRequest,
  idsOf,
  read,
  refOf,
  settleOne,
} from '../claim-jobs.ts'
import { expectHint, withoutWakeUps } from '../expect-hint.ts'
import {
  enqueueAll,
  enqueueOne,
  ERROR,
  newJob,
  newJobs,
  only,
  OTHER_TENANT,
  QUEUE,
  TENANT,
} from '../new-job.ts'
import { enqueueReplacing, REPLACE, takeKey } from '../unique-jobs.ts'
import { caseNeeding, type CaseGroup } from '../store-case.ts'

const concurrencyCase = caseNeeding('concurrencyKeys')

function limited(concurrencyLimit: number, concurrencyKey = 'shop-1'): Partial<NewJob> {
  return { concurrencyKey, concurrencyLimit }
}

/** Whose limit counts, and which of the waiting jobs of a key decides. */
export const concurrencyKeysCases: CaseGroup = {
  operation: 'concurrency keys',
  cases: [
    concurrencyCase('as many as the limit are leased, in one claim', async ({ store }) => {
      await enqueueAll(store, newJobs(10, 'job', limited(3)))

      expect(idsOf(await claimJobs(store))).toEqual(['job-0', 'job-1', 'job-2'])
      expect(await store.claim(claimRequest())).toMatchObject({ jobs: [], nextDueInMs: null })
    }),

    concurrencyCase('as many as the limit are leased, over several claims', async (open) => {
      const other = await open.another()
      await enqueueAll(open.store, newJobs(10, 'job', limited(3)))
      const claimed = [
        ...(await claimJobs(open.store, { slots: 2 })),
        ...(await claimJobs(other, { slots: 2 })),
        ...(await claimJobs(open.store, { slots: 2 })),
      ]

      expect(idsOf(claimed)).toEqual(['job-0', 'job-1', 'job-2'])
    }),

    concurrencyCase(
      'a job shows its key and its limit, also as it is claimed',
      async ({ store }) => {
        const ref = await enqueueOne(store, limited(2))
        const keys = {
          unique: null,
          ordering: null,
          concurrency: 'shop-1',
          concurrencyLimit: 2,
        }

        expect((await read(store, ref)).keys).toEqual(keys)
        expect((await claimJobs(store)).map((job) => job.keys)).toEqual([keys])
      },
    ),

    concurrencyCase('each settlement frees one place and no more', async ({ store }) => {
      await enqueueAll(store, newJobs(20, 'job', limited(2)))
      const leased = [...(await claimJobs(store))]
      const ends = [
        (job: ClaimedJob) => complete(job),
        (job: ClaimedJob) => complete(job, null, { discard: true }),
        (job: ClaimedJob) => retry(job, ERROR, 60_000),
        (job: ClaimedJob) => release(job, 60_000),
        (job: ClaimedJob) => fail(job, ERROR),
      ]
      for (const end of ends) {
        expect(await settleOne(store, end(leased.shift()!))).toBe('settled')
        leased.push(only(await claimJobs(store)))
        expect(await claimJobs(store)).toEqual([])
      }
    }),

    concurrencyCase('a settlement and the next come in one round trip', async ({ store }) => {
      await enqueueAll(store, newJobs(5, 'job', limited(2)))
      const claimed = await claimJobs(store)
      const answer = await store.settle({
        settlements: claimed.map((job) => complete(job)),
        claim: claimRequest(),
      })

      expect(idsOf(answer.claimed?.jobs ?? [])).toEqual(['job-2', 'job-3'])
    }),

    concurrencyCase('a key belongs to its own queue and tenant alone', async ({ store }) => {
      const owners = [
        { queue: QUEUE, tenantId: TENANT },
        { queue: QUEUE, tenantId: OTHER_TENANT },
        { queue: QUEUE, tenantId: null },
        { queue: 'mails', tenantId: TENANT },
      ]
      for (const owner of owners) {
        await enqueueAll(store, newJobs(2, 'job', { ...limited(1), ...owner }))
        await enqueueAll(store, newJobs(2, 'other', { ...limited(1, 'shop-2'), ...owner }))
      }
      const claimed = await claimEverything(store)
      const mails = await claimEverything(store, { queue: 'mails' })

      expect(claimed.map(({ tenantId, id }) => `${tenantId} ${id}`).toSorted()).toEqual(
        [TENANT, OTHER_TENANT, null]
          .flatMap((tenantId) => [`${tenantId} job-0`, `${tenantId} other-0`])
          .toSorted(),
      )
      expect(idsOf(mails)).toEqual(['job-0', 'other-0'])
    }),

    concurrencyCase('a full key does not hide the jobs behind it', async ({ store }) => {
      await enqueueAll(store, newJobs(500, 'job', limited(1)))
      await claimOne(store)
      await enqueueOne(store, { jobId: 'plain' })
      await enqueueOne(store, { jobId: 'other-key', ...limited(1, 'shop-2') })
      await enqueueOne(store, { jobId: 'other-tenant', tenantId: OTHER_TENANT })

      expect(idsOf(await claimEverything(store, { slots: 1 })).toSorted()).toEqual([
        'other-key',
        'other-tenant',
        'plain',
      ])
    }),

    concurrencyCase('a lower limit holds from the next job on', async ({ store }) => {
      await enqueueAll(store, newJobs(3, 'old', limited(3)))
      const leased = await claimJobs(store)
      await enqueueAll(store, newJobs(3, 'new', limited(2)))
      const [first, second, third] = leased
      if (!first || !second || !third) throw new Error('expected three jobs')
      await settleOne(store, complete(first))
      expect(await claimJobs(store)).toEqual([])
      await settleOne(store, complete(second))
      expect(idsOf(await claimJobs(store))).toEqual(['new-0'])
      await settleOne(store, complete(third))

      expect(idsOf(await claimJobs(store))).toEqual(['new-1'])
    }),

    concurrencyCase('a higher limit holds from the next job on', async ({ store }) => {
      await enqueueAll(store, newJobs(1, 'old', limited(1)))
      await claimOne(store)
      await enqueueAll(store, newJobs(5, 'new', limited(3)))

      expect(idsOf(await claimJobs(store))).toEqual(['new-0', 'new-1'])
    }),

    concurrencyCase('the next of a key decides, also for those behind it', async ({ store }) => {
      await enqueueOne(store, limited(1))
      const running = await claimOne(store)
      await enqueueOne(store, { ...limited(1), jobId: 'strict' })
      await enqueueOne(store, { ...limited(9), jobId: 'lax' })
      expect(await claimJobs(store)).toEqual([])
      await settleOne(store, complete(running))

      expect(idsOf(await claimJobs(store))).toEqual(['strict', 'lax'])
    }),

    concurrencyCase('the higher priority is the next of a key', async ({ store }) => {
      await enqueueOne(store, limited(1))
      const running = await claimOne(store)
      await enqueueOne(store, { ...limited(1), jobId: 'strict' })
      await enqueueOne(store, { ...limited(2), jobId: 'lax', priority: 5 })
      expect(idsOf(await claimJobs(store))).toEqual(['lax'])
      await enqueueOne(store, { ...limited(1), jobId: 'urgent and strict', priority: 9 })
      await enqueueOne(store, { ...limited(9), jobId: 'urgent and lax', priority: 8 })
      expect(await claimJobs(store)).toEqual([])
      await settleOne(store, complete(running))

      expect(await claimJobs(store)).toEqual([])
    }),

    concurrencyCase('jobs of a key and others keep their common order', async ({ store }) => {
      await enqueueAll(store, [
        newJob({ ...limited(2), jobId: 'a' }),
        newJob({ jobId: 'b' }),
        newJob({ ...limited(2), jobId: 'c' }),
        newJob({ ...limited(2), jobId: 'd' }),
        newJob({ jobId: 'e', priority: 1 }),
        newJob({ jobId: 'f' }),
      ])

      expect(idsOf(await claimJobs(store))).toEqual(['e', 'a', 'b', 'c', 'f'])
    }),

    concurrencyCase('a delayed job neither blocks its key nor decides for it', async (open) => {
      const { store } = open
      await enqueueOne(store, { ...limited(1), jobId: 'delayed', priority: 9, delayMs: 1_000 })
      await enqueueAll(store, newJobs(3, 'due', limited(2)))
      expect(idsOf(await claimJobs(store))).toEqual(['due-0', 'due-1'])
      await open.advance(1_000)

      expect(await store.claim(claimRequest())).toMatchObject({ jobs: [], nextDueInMs: null })
    }),

    concurrencyCase('a delayed job blocks no place', async ({ store }) => {
      await enqueueOne(store, { ...limited(1), delayMs: 60_000 })
      await enqueueAll(store, newJobs(2, 'due', limited(1)))

      expect(idsOf(await claimJobs(store))).toEqual(['due-0'])
    }),

    concurrencyCase('a job between its attempts blocks no place', async (open) => {
      const { store } = open
      await enqueueAll(store, newJobs(2, 'job', limited(1)))
      await settleOne(store, retry(await claimOne(store), ERROR, 5_000))
      const second = await claimOne(store)
      expect(second.id).toBe('job-1')
      await open.advance(5_000)
      expect(await claimJobs(store)).toEqual([])
      await settleOne(store, complete(second))

      expect(idsOf(await claimJobs(store))).toEqual(['job-0'])
    }),

    concurrencyCase('a key with room tells when its next job is due', async (open) => {
      const { store } = open
      await enqueueOne(store, { ...limited(1), delayMs: 7_000 })

      expect(await store.claim(claimRequest())).toMatchObject({ jobs: [], nextDueInMs: 7_000 })
      await open.advance(7_000)
      expect(await claimJobs(store)).toHaveLength(1)
    }),

    concurrencyCase('jobs of a key go into slots and never into prefetch', async ({ store }) => {
      await enqueueAll(store, newJobs(5, 'keyed', limited(9)))
      const first = await store.claim(claimRequest({ slots: 2, prefetch: 50 }))
      expect({ ids: idsOf(first.jobs), next: first.nextDueInMs }).toEqual({
        ids: ['keyed-0', 'keyed-1'],
        next: 0,
      })
      await enqueueAll(store, newJobs(2, 'plain'))
      const second = await store.claim(claimRequest({ slots: 1, prefetch: 50 }))
      const [begins, ...waiting] = idsOf(second.jobs)

      expect(begins).toBe('keyed-2')
      expect(['plain-0', 'plain-1']).toEqual(expect.arrayContaining(waiting))
    }),

    concurrencyCase('claims racing from several handles keep to the limit', async (open) => {
      const handles = [open.store, await open.another()]
      await enqueueAll(open.store, newJobs(30, 'job', limited(3)))
      let ended = 0
      while (ended < 30) {
        const claimed = await Promise.all(
          Array.from({ length: 6 }, (_, index) => claimJobs(handles[index % 2]!, { slots: 2 })),
        )
        const jobs = claimed.flat()
        expect(jobs).toHaveLength(3)
        await open.store.settle({ settlements: jobs.map((job) => complete(job)) })
        ended += jobs.length
      }
    }),

    concurrencyCase(
      'a place that becomes free is hinted at',
      async ({ store }) => {
        let running: ClaimedJob | null = null
        await expectHint(
          store,
          'ready',
          () => settleOne(store, complete(running!)),
          async () => {
            const rest = await claimEverything(store)
            await store.settle({ settlements: rest.map((job) => complete(job)) })
            await enqueueAll(store, [newJob(limited(1)), newJob(limited(1))])
            running = await claimOne(store)
          },
        )
      },
      { skip: withoutWakeUps },
    ),

    caseNeeding('concurrencyKeys', 'uniqueKeys')(
      'a replaced job waits for a place of its new key',
      async ({ store }) => {
        const moving = await takeKey(store, { unique: REPLACE, ...limited(1, 'shop-2') })
        await enqueueOne(store, { ...limited(1), priority: 9 })
        const running = await claimOne(store)
        expect(running.id).not.toBe(moving.id)
        const replaced = await enqueueReplacing(store, limited(1))
        expect(replaced.keys?.concurrency).toBe('shop-1')
        expect(await claimJobs(store)).toEqual([])
        await enqueueReplacing(store, limited(2))

        expect(idsOf(await claimJobs(store))).toEqual([moving.id])
        expect(refOf(running).tenantId).toBe(TENANT)
      },
    ),
  ],
}
