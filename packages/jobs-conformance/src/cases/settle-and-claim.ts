import { complete, release } from '@cgk/jobs-core'
import { expect } from 'vitest'
import { claimJobs, claimOne, claimRequest, idsOf, leaseOf, stateOf } from '../claim-jobs.ts'
import { loseWorker } from '../lose-worker.ts'
import { enqueueAll, enqueueOne, newJob, newJobs, OTHER_TENANT, QUEUE, TENANT } from '../new-job.ts'
import { storeCase, type CaseGroup } from '../store-case.ts'

export const settleAndClaimCases: CaseGroup = {
  operation: 'settle and claim',
  cases: [
    storeCase('without a claim nothing is claimed', async ({ store }) => {
      await enqueueAll(store, newJobs(2, 'job'))
      const job = await claimOne(store)
      const { claimed } = await store.settle({ settlements: [complete(job)] })

      expect(claimed).toBeNull()
      expect(idsOf(await claimJobs(store))).toEqual(['job-1'])
    }),

    storeCase('one call settles and claims the next', async ({ store }) => {
      await enqueueAll(store, newJobs(3, 'job'))
      const job = await claimOne(store)
      const answer = await store.settle({
        settlements: [complete(job)],
        claim: claimRequest({ slots: 1 }),
      })

      expect(answer.results).toEqual(['settled'])
      expect(answer.claimed).toMatchObject({
        jobs: [{ id: 'job-1', state: 'running', attempts: 1, token: expect.any(String) }],
        nextDueInMs: 0,
        awaitsRelease: false,
        hasSuspects: false,
      })
      expect(await stateOf(store, job)).toBe('completed')
    }),

    storeCase('the claim comes after the settlements and sees what they did', async ({ store }) => {
      await enqueueAll(store, [
        newJob({ jobId: 'back', priority: 5 }),
        newJob({ jobId: 'done', priority: 5 }),
        newJob({ jobId: 'waiting' }),
      ])
      const [back, done] = await claimJobs(store, { slots: 2 })
      if (back === undefined || done === undefined) throw new Error('expected two jobs')
      const { results, claimed } = await store.settle({
        settlements: [
          complete(done, null, { followUps: [newJob({ jobId: 'follow-up', priority: 1 })] }),
          release(back),
        ],
        claim: claimRequest(),
      })

      expect(results).toEqual(['settled', 'settled'])
      expect(idsOf(claimed?.jobs ?? [])).toEqual(['back', 'follow-up', 'waiting'])
      expect(claimed?.jobs[0]?.token).not.toBe(back.token)
    }),

    storeCase('refused settlements do not stop the claim', async ({ store }) => {
      await enqueueAll(store, newJobs(2, 'job'))
      const job = await claimOne(store)
      const { results, claimed } = await store.settle({
        settlements: [complete({ ...leaseOf(job), token: 'made-up' })],
        claim: claimRequest(),
      })

      expect(results).toEqual(['lost'])
      expect(idsOf(claimed?.jobs ?? [])).toEqual(['job-1'])
    }),

    storeCase('a claim may come without settlements', async ({ store }) => {
      const ref = await enqueueOne(store)
      const { results, claimed } = await store.settle({ settlements: [], claim: claimRequest() })

      expect(results).toEqual([])
      expect(idsOf(claimed?.jobs ?? [])).toEqual([ref.id])
    }),

    storeCase('a claim that finds nothing is a result, not null', async ({ store }) => {
      const { claimed } = await store.settle({ settlements: [], claim: claimRequest() })

      expect(claimed).toEqual({
        jobs: [],
        nextDueInMs: null,
        awaitsRelease: false,
        hasSuspects: false,
      })
    }),

    storeCase('the claim may be for another queue', async ({ store }) => {
      await enqueueOne(store)
      const ref = await enqueueOne(store, { queue: 'mails' })
      const job = await claimOne(store)
      const { claimed } = await store.settle({
        settlements: [complete(job)],
        claim: claimRequest({ queue: 'mails' }),
      })

      expect(idsOf(claimed?.jobs ?? [])).toEqual([ref.id])
    }),

    storeCase('the claim respects a pause', async ({ store }) => {
      await enqueueAll(store, newJobs(2, 'job'))
      await enqueueOne(store, { tenantId: OTHER_TENANT, jobId: 'theirs' })
      const settleAndClaim = () => store.settle({ settlements: [], claim: claimRequest() })

      await store.pause({ queue: QUEUE })
      expect((await settleAndClaim()).claimed?.jobs).toEqual([])
      await store.pause({ queue: QUEUE, tenantId: TENANT })
      await store.resume({ queue: QUEUE })
      expect(idsOf((await settleAndClaim()).claimed?.jobs ?? [])).toEqual(['theirs'])
    }),

    storeCase('the claim finds suspects only when asked, one at a time', async (open) => {
      const { store } = open
      await enqueueAll(store, newJobs(2, 'suspect'))
      await loseWorker(open)
      await enqueueOne(store, { jobId: 'clean' })
      const clean = await store.settle({ settlements: [], claim: claimRequest() })
      expect(idsOf(clean.claimed?.jobs ?? [])).toEqual(['clean'])
      expect(clean.claimed?.hasSuspects).toBe(true)

      const suspects = await store.settle({
        settlements: (clean.claimed?.jobs ?? []).map((job) => complete(job)),
        claim: claimRequest({ suspects: true }),
      })
      expect(idsOf(suspects.claimed?.jobs ?? [])).toEqual(['suspect-0'])
    }),

    storeCase('handles that settle and claim at once never get one job twice', async (open) => {
      const handles = [open.store, await open.another()]
      await enqueueAll(open.store, newJobs(200, 'job'))
      const seen = await Promise.all(
        Array.from({ length: 6 }, async (_, index) => {
          const handle = handles[index % 2] ?? open.store
          const ids: string[] = []
          let held = await claimJobs(handle, { slots: 5, worker: `worker-${index}` })
          while (held.length > 0) {
            ids.push(...idsOf(held))
            const { results, claimed } = await handle.settle({
              settlements: held.map((job) => complete(job)),
              claim: claimRequest({ slots: 5, worker: `worker-${index}` }),
            })
            expect(new Set(results)).toEqual(new Set(['settled']))
            held = claimed?.jobs ?? []
          }
          return ids
        }),
      )

      expect(seen.flat()).toHaveLength(200)
      expect(new Set(seen.flat()).size).toBe(200)
      expect(await open.store.counts({ queue: QUEUE })).toMatchObject({
        pending: 0,
        running: 0,
        completed: 200,
      })
    }),
  ],
}
