import { complete, retry } from '@cgk/jobs-core'
import { expect } from 'vitest'
import { claimJobs, claimOne, claimRequest, idsOf, settleOne } from '../claim-jobs.ts'
import { loseWorker } from '../lose-worker.ts'
import { enqueueAll, enqueueOne, ERROR, newJobs, OTHER_TENANT, QUEUE, TENANT } from '../new-job.ts'
import { storeCase, type CaseGroup } from '../store-case.ts'

export const pauseCases: CaseGroup = {
  operation: 'pause',
  cases: [
    storeCase('a paused queue gives no job, a resumed one all of them', async ({ store }) => {
      const refs = await enqueueAll(store, newJobs(3, 'job'))
      await store.pause({ queue: QUEUE })
      expect(await claimJobs(store)).toEqual([])

      await enqueueOne(store, { jobId: 'late' })
      expect(await claimJobs(store)).toEqual([])

      await store.resume({ queue: QUEUE })
      expect(idsOf(await claimJobs(store))).toEqual([...idsOf(refs), 'late'])
    }),

    storeCase('a pause holds in every handle', async (open) => {
      const other = await open.another()
      await enqueueOne(open.store)
      await open.store.pause({ queue: QUEUE })
      expect(await claimJobs(other)).toEqual([])
      expect(await other.isPaused({ queue: QUEUE })).toBe(true)

      await other.resume({ queue: QUEUE })
      expect(await open.store.isPaused({ queue: QUEUE })).toBe(false)
      await open.store.pause({ queue: QUEUE, tenantId: TENANT })
      expect(await claimJobs(other)).toEqual([])
      const third = await open.another()
      expect(await claimJobs(third)).toEqual([])
    }),

    storeCase("a paused tenant's jobs wait, the others' do not", async ({ store }) => {
      for (const tenantId of [TENANT, OTHER_TENANT, null]) {
        await enqueueOne(store, { jobId: `of-${tenantId}`, tenantId })
      }
      await store.pause({ queue: QUEUE, tenantId: TENANT })
      const claimed = await claimJobs(store)
      expect(new Set(idsOf(claimed))).toEqual(new Set([`of-${OTHER_TENANT}`, 'of-null']))

      await store.resume({ queue: QUEUE, tenantId: TENANT })
      expect(idsOf(await claimJobs(store))).toEqual([`of-${TENANT}`])
    }),

    storeCase('the jobs without a tenant can be paused by themselves', async ({ store }) => {
      await enqueueOne(store, { jobId: 'mine' })
      await enqueueOne(store, { jobId: 'nobodys', tenantId: null })
      await store.pause({ queue: QUEUE, tenantId: null })
      expect(await store.isPaused({ queue: QUEUE })).toBe(false)
      expect(idsOf(await claimJobs(store))).toEqual(['mine'])

      await store.resume({ queue: QUEUE, tenantId: null })
      expect(idsOf(await claimJobs(store))).toEqual(['nobodys'])
    }),

    storeCase('a resume lifts the pause of its scope and no other', async ({ store }) => {
      await enqueueOne(store)
      await store.pause({ queue: QUEUE })
      await store.pause({ queue: QUEUE, tenantId: TENANT })
      await store.resume({ queue: QUEUE })
      expect(await claimJobs(store)).toEqual([])

      await store.pause({ queue: QUEUE })
      await store.resume({ queue: QUEUE, tenantId: TENANT })
      await store.resume({ queue: QUEUE, tenantId: OTHER_TENANT })
      expect(await claimJobs(store)).toEqual([])

      await store.resume({ queue: QUEUE })
      expect(await claimJobs(store)).toHaveLength(1)
    }),

    storeCase('isPaused tells of that very scope', async ({ store }) => {
      const queue = { queue: QUEUE }
      const tenant = { queue: QUEUE, tenantId: TENANT }
      const nobody = { queue: QUEUE, tenantId: null }
      const paused = async () => [
        await store.isPaused(queue),
        await store.isPaused(tenant),
        await store.isPaused(nobody),
        await store.isPaused({ ...queue, queue: 'mails' }),
        await store.isPaused({ ...tenant, tenantId: OTHER_TENANT }),
      ]
      expect(await paused()).toEqual([false, false, false, false, false])
      await store.pause(queue)
      expect(await paused()).toEqual([true, false, false, false, false])
      await store.pause(tenant)
      await store.resume(queue)
      expect(await paused()).toEqual([false, true, false, false, false])
      await store.pause(nobody)
      await store.resume(tenant)
      expect(await paused()).toEqual([false, false, true, false, false])
    }),

    storeCase('a pause said twice is lifted once, a resume too many is harmless', async (open) => {
      const { store } = open
      await enqueueOne(store)
      await store.pause({ queue: QUEUE })
      await store.pause({ queue: QUEUE })
      await store.resume({ queue: QUEUE })
      await store.resume({ queue: QUEUE })
      expect(await claimJobs(store)).toHaveLength(1)

      await store.pause({ queue: QUEUE })
      expect(await store.isPaused({ queue: QUEUE })).toBe(true)
    }),

    storeCase('a pause may come before the first job', async ({ store }) => {
      await store.pause({ queue: QUEUE, tenantId: TENANT })
      await enqueueOne(store)

      expect(await claimJobs(store)).toEqual([])
    }),

    storeCase('a pause outlives the jobs it governs', async ({ store }) => {
      const ref = await enqueueOne(store)
      await store.pause({ queue: QUEUE, tenantId: TENANT })
      await store.remove([ref])
      await enqueueOne(store)

      expect(await claimJobs(store)).toEqual([])
    }),

    storeCase('another queue goes on', async ({ store }) => {
      await enqueueOne(store)
      await enqueueOne(store, { queue: 'mails' })
      await store.pause({ queue: QUEUE })
      await store.pause({ queue: QUEUE, tenantId: TENANT })

      expect(await claimJobs(store)).toEqual([])
      expect(await claimJobs(store, { queue: 'mails' })).toHaveLength(1)
    }),

    storeCase('running jobs finish while their queue is paused', async (open) => {
      const { store } = open
      await enqueueAll(store, newJobs(2, 'job'))
      const [first, second] = await claimJobs(store)
      if (first === undefined || second === undefined) throw new Error('expected two jobs')
      await store.pause({ queue: QUEUE })
      const { results } = await store.settle({
        settlements: [complete(first), retry(second, ERROR, 0)],
      })
      expect(results).toEqual(['settled', 'settled'])
      expect(await claimJobs(store)).toEqual([])

      await store.resume({ queue: QUEUE })
      expect(await claimOne(store)).toMatchObject({ id: 'job-1', attempts: 2 })
    }),

    storeCase('what falls due or is taken back during a pause waits for its end', async (open) => {
      const { store } = open
      await enqueueOne(store, { jobId: 'lost' })
      await loseWorker(open)
      await enqueueOne(store, { jobId: 'scheduled', delayMs: 1_000 })
      await store.pause({ queue: QUEUE, tenantId: TENANT })
      await open.advance(60_000)
      expect(await store.claim(claimRequest())).toMatchObject({ jobs: [], hasSuspects: false })
      expect(await claimJobs(store, { suspects: true })).toEqual([])

      await store.resume({ queue: QUEUE, tenantId: TENANT })
      expect(idsOf(await claimJobs(store))).toEqual(['scheduled'])
      expect(idsOf(await claimJobs(store, { suspects: true }))).toEqual(['lost'])
    }),

    storeCase('no claim that begins after a pause is granted takes a job', async (open) => {
      const other = await open.another()
      for (let round = 0; round < 5; round += 1) {
        await enqueueAll(open.store, newJobs(40, `round-${round}`))
        let granted = false
        const afterGrant: number[] = []
        const claimer = async () => {
          for (let turn = 0; turn < 10; turn += 1) {
            const late = granted
            const jobs = await claimJobs(other, { slots: 1 })
            if (late) afterGrant.push(jobs.length)
            for (const job of jobs) await settleOne(other, complete(job))
          }
        }
        const pauser = async () => {
          await open.store.pause({ queue: QUEUE })
          granted = true
        }
        await Promise.all([claimer(), claimer(), pauser()])
        afterGrant.push((await claimJobs(other)).length)

        expect(new Set(afterGrant)).toEqual(new Set([0]))
        await open.store.resume({ queue: QUEUE })
      }
    }),
  ],
}
