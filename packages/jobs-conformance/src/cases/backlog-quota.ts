import { backlogFull, complete, EACH_TENANT, isJobsError, release, retry } from '@cgk/jobs-core'
import { expect } from 'vitest'
import { claimJobs, claimOne, settleOne } from '../claim-jobs.ts'
import { expectRefusal } from '../expect-refusal.ts'
import { limitsOf, ofTenant, sayLimits } from '../limit-scopes.ts'
import { loseWorker } from '../lose-worker.ts'
import { enqueueGroup, newGroup, newMembers, runAll } from '../new-group.ts'
import { advanceOne, nextTick, putNew } from '../new-schedule.ts'
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
import { enqueueAny, enqueueReplacing, KEEP, REPLACE } from '../unique-jobs.ts'
import { caseNeeding, type CaseGroup } from '../store-case.ts'

const limitsCase = caseNeeding('limits')

const quota = (backlog: number) => ({ backlog })

/** How many jobs of a tenant may wait, and what is never refused. */
export const backlogQuotaCases: CaseGroup = {
  operation: 'backlog quota',
  cases: [
    limitsCase('what would pass the quota is refused whole', async (open) => {
      const { store } = open
      await sayLimits(store, ofTenant(), quota(4))
      await enqueueAll(store, newJobs(3, 'job'))
      await expectRefusal(store.enqueue(newJobs(2, 'more')), 'JOBS_BACKLOG_FULL')
      const other = await open.another()
      await expectRefusal(
        other.enqueue([newJob({ jobId: 'theirs', tenantId: OTHER_TENANT }), ...newJobs(2, 'more')]),
        'JOBS_BACKLOG_FULL',
      )
      expect(await store.counts({ queue: QUEUE })).toMatchObject({ pending: 3 })
      await enqueueAll(other, newJobs(1, 'last'))
      await expectRefusal(store.enqueue([newJob()]), 'JOBS_BACKLOG_FULL')

      expect(await claimJobs(store)).toHaveLength(4)
    }),

    limitsCase(
      'the refusal names tenant, queue, quota and counts, and may be tried again',
      async ({ store }) => {
        await sayLimits(store, ofTenant(), quota(4))
        await sayLimits(store, ofTenant(null), quota(0))
        await enqueueAll(store, newJobs(3, 'job'))
        const refusals = [
          [newJobs(2, 'more'), { quota: 4, waiting: 3, more: 2 }],
          [newJobs(1, 'nobodys', { tenantId: null }), { quota: 0, waiting: 0, more: 1 }],
        ] as const
        for (const [jobs, numbers] of refusals) {
          const refusal: unknown = await store.enqueue(jobs).catch((error: unknown) => error)
          if (!isJobsError(refusal, 'JOBS_BACKLOG_FULL')) throw new Error('expected a refusal')
          const { message, backlog } = backlogFull(jobs[0]!, numbers)
          expect(refusal.message).toBe(message)
          expect(refusal.backlog).toEqual(backlog)
          expect(refusal.retryable).toBe(true)
        }
      },
    ),

    limitsCase(
      'pending, scheduled and retrying jobs and suspects count, running and ended ones do not',
      async (open) => {
        const { store } = open
        const room = async () => {
          await sayLimits(store, ofTenant(), quota(4))
          for (let count = 0; ; count += 1) {
            const answer: unknown = await store
              .enqueue([newJob({ jobId: `room-${count}` })])
              .catch((error: unknown) => error)
            if (!isJobsError(answer, 'JOBS_BACKLOG_FULL')) continue
            const probes = Array.from({ length: count }, (_, index) => `room-${index}`)
            await store.remove(probes.map((id) => ({ queue: QUEUE, tenantId: TENANT, id })))
            return count
          }
        }
        await enqueueOne(store, { jobId: 'suspect' })
        await loseWorker(open)
        await enqueueOne(store, { delayMs: 3_600_000 })
        expect(await room()).toBe(2)
        const ref = await enqueueOne(store, { jobId: 'job' })
        expect(await room()).toBe(1)
        const job = await claimOne(store)
        expect(await room()).toBe(2)
        await settleOne(store, retry(job, ERROR, 60_000))
        expect(await room()).toBe(1)
        await store.cancel([ref])
        expect(await room()).toBe(2)
      },
    ),

    limitsCase('a quota is of its own queue and tenant alone', async ({ store }) => {
      await sayLimits(store, ofTenant(), quota(1))
      await enqueueOne(store)
      await enqueueAll(store, newJobs(3, 'theirs', { tenantId: OTHER_TENANT }))
      await enqueueAll(store, newJobs(3, 'nobodys', { tenantId: null }))
      await enqueueAll(store, newJobs(3, 'mail', { queue: 'mails' }))

      await expectRefusal(store.enqueue([newJob()]), 'JOBS_BACKLOG_FULL')
    }),

    limitsCase('a quota said of each tenant is of each by itself', async ({ store }) => {
      await sayLimits(store, ofTenant(EACH_TENANT), quota(2), 'directory')
      await sayLimits(store, ofTenant(OTHER_TENANT), { backlog: 'none' })
      await enqueueAll(store, newJobs(2, 'mine'))
      await enqueueAll(store, newJobs(5, 'theirs', { tenantId: OTHER_TENANT }))
      await enqueueAll(store, newJobs(2, 'others', { tenantId: 'initech' }))

      await expectRefusal(store.enqueue([newJob()]), 'JOBS_BACKLOG_FULL')
      await expectRefusal(store.enqueue([newJob({ tenantId: 'initech' })]), 'JOBS_BACKLOG_FULL')
    }),

    limitsCase(
      'a quota below what waits refuses what is new and drops nothing',
      async ({ store }) => {
        await enqueueAll(store, newJobs(3, 'job'))
        await sayLimits(store, ofTenant(), quota(1))
        await expectRefusal(store.enqueue([newJob()]), 'JOBS_BACKLOG_FULL')
        expect(await store.enqueue([]), 'a call of nothing').toEqual([])
        expect(await claimJobs(store)).toHaveLength(3)

        await enqueueOne(store)
      },
    ),

    limitsCase('jobs that are there already need no room', async ({ store }) => {
      await sayLimits(store, ofTenant(), quota(2))
      await enqueueAll(store, newJobs(2, 'job'))

      expect(await store.enqueue(newJobs(2, 'job'))).toMatchObject([
        { status: 'existing' },
        { status: 'existing' },
      ])
    }),

    caseNeeding('limits', 'uniqueKeys')(
      'a job whose key is taken needs no room, be it kept or replaced',
      async ({ store }) => {
        await sayLimits(store, ofTenant(), quota(1))
        await enqueueOne(store, { unique: KEEP })
        expect((await enqueueAny(store, { unique: KEEP })).status).toBe('existing')
        await enqueueReplacing(store, { unique: REPLACE })
        await expectRefusal(
          store.enqueue([newJob({ unique: { ...KEEP, key: 'another' } })]),
          'JOBS_BACKLOG_FULL',
        )
      },
    ),

    caseNeeding('limits', 'uniqueKeys')(
      'a job that is to follow the one that has its key needs room',
      async ({ store }) => {
        await sayLimits(store, ofTenant(), quota(1))
        await enqueueOne(store, { unique: KEEP })
        await claimOne(store)
        await enqueueOne(store, { jobId: 'last' })
        await expectRefusal(store.enqueue([newJob({ unique: REPLACE })]), 'JOBS_BACKLOG_FULL')
        await claimOne(store)
        await enqueueOne(store, { unique: REPLACE })
        await enqueueReplacing(store, { unique: REPLACE })
      },
    ),

    limitsCase('no follow-up, retry or release is refused', async (open) => {
      const { store } = open
      await enqueueAll(store, newJobs(4, 'job'))
      await sayLimits(store, ofTenant(), quota(0))
      const [first, second, third, fourth] = await claimJobs(store)
      const { results } = await store.settle({
        settlements: [
          complete(first!, null, { followUps: newJobs(3, 'next') }),
          retry(second!, ERROR, 0),
          release(third!),
        ],
      })
      expect(results).toEqual(['settled', 'settled', 'settled'])
      await store.cancel([fourth!])
      await settleOne(store, complete(fourth!))
      expect(only(await store.retry([fourth!])).status).toBe('changed')

      expect(await claimJobs(store)).toHaveLength(6)
      await expectRefusal(store.enqueue([newJob()]), 'JOBS_BACKLOG_FULL')
    }),

    caseNeeding('limits', 'groups')(
      'a group is refused whole, and its callback never',
      async ({ store }) => {
        await sayLimits(store, ofTenant(), quota(2))
        const group = newGroup({ members: newMembers(3) })
        await expectRefusal(store.enqueueGroups([group]), 'JOBS_BACKLOG_FULL')
        const nested = [
          newGroup({ members: newMembers(1) }),
          newGroup({ id: 'nested', parentId: 'invoices', members: newMembers(2) }),
        ]
        await expectRefusal(store.enqueueGroups(nested), 'JOBS_BACKLOG_FULL')
        expect(await store.counts({ queue: QUEUE })).toMatchObject({ pending: 0 })
        await enqueueGroup(store, { members: newMembers(2) })
        await sayLimits(store, ofTenant(), quota(0))
        expect(await runAll(store)).toEqual(['member-0', 'member-1'])

        expect(await runAll(store)).toEqual(['all-completed'])
      },
    ),

    caseNeeding('limits', 'schedules')('no tick of a schedule is refused', async (open) => {
      const { store } = open
      await sayLimits(store, ofTenant(), quota(0))
      const seen = await putNew(store, { nextAt: await open.now() })

      expect(await advanceOne(store, nextTick(seen))).toMatchObject([{ status: 'enqueued' }])
      expect(await claimJobs(store)).toHaveLength(1)
    }),

    limitsCase('a lifted quota lets all in', async (open) => {
      const { store } = open
      await sayLimits(store, ofTenant(), quota(1))
      await sayLimits(store, ofTenant(), { backlog: null })
      await enqueueAll(await open.another(), newJobs(5, 'job'))

      expect((await limitsOf(store, ofTenant())).effective).not.toHaveProperty('backlog')
    }),
  ],
}
