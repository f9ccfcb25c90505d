import type { JobStore, NewJob, StoreCapabilities } from '@cgk/jobs-core'
import { complete } from '@cgk/jobs-core'
import { expect } from 'vitest'
import { claimJobs, claimOne, stateOf } from '../claim-jobs.ts'
import { expectRefusal } from '../expect-refusal.ts'
import { LIMITER, OF_QUEUE, ofKey, ofLimiter, ofTenant } from '../limit-scopes.ts'
import { GROUP, newGroup } from '../new-group.ts'
import { enqueueOne, newJob, QUEUE } from '../new-job.ts'
import { newSchedule, SCHEDULE } from '../new-schedule.ts'
import { storeCase, type CaseGroup, type StoreCase } from '../store-case.ts'

type Capability = keyof StoreCapabilities

const OPTIONS: readonly {
  readonly capability: Capability
  readonly option: string
  readonly given: Partial<NewJob>
}[] = [
  {
    capability: 'uniqueKeys',
    option: 'uniqueKey',
    given: { unique: { key: 'key', ifTaken: 'keep' } },
  },
  { capability: 'orderingKeys', option: 'orderingKey', given: { orderingKey: 'key' } },
  {
    capability: 'concurrencyKeys',
    option: 'concurrencyKey',
    given: { concurrencyKey: 'key', concurrencyLimit: 1 },
  },
  { capability: 'limits', option: 'limiter', given: { limiter: LIMITER } },
]

function whereSupported(capability: Capability): (store: JobStore) => string | null {
  return (store) => (store.capabilities[capability] ? `the store supports ${capability}` : null)
}

export const capabilitiesCases: CaseGroup = {
  operation: 'capabilities',
  cases: [
    ...OPTIONS.map(({ capability, option, given }): StoreCase =>
      storeCase(
        `without ${capability} a job with ${option} is refused, and its whole batch`,
        async ({ store }) => {
          const batch = [newJob({ jobId: 'first' }), newJob(given), newJob()]
          await expectRefusal(store.enqueue(batch), 'JOBS_UNSUPPORTED')

          expect(await store.counts({ queue: QUEUE })).toMatchObject({ pending: 0 })
          expect(await claimJobs(store)).toEqual([])
        },
        { skip: whereSupported(capability) },
      ),
    ),

    ...OPTIONS.map(({ capability, option, given }): StoreCase =>
      storeCase(
        `without ${capability} a follow-up with ${option} is refused before anything is settled`,
        async ({ store }) => {
          await enqueueOne(store)
          const job = await claimOne(store)
          const settlement = complete(job, null, { followUps: [newJob(given)] })
          await expectRefusal(store.settle({ settlements: [settlement] }), 'JOBS_UNSUPPORTED')

          expect(await stateOf(store, job)).toBe('running')
          expect(await store.counts({ queue: QUEUE })).toMatchObject({ pending: 0, running: 1 })
        },
        { skip: whereSupported(capability) },
      ),
    ),

    storeCase(
      'without groups a group is refused and nothing of it stored',
      async ({ store }) => {
        const group = newGroup({ members: [newJob()] })
        await expectRefusal(store.enqueueGroups([group]), 'JOBS_UNSUPPORTED')
        await expectRefusal(store.getGroups([GROUP]), 'JOBS_UNSUPPORTED')

        expect(await claimJobs(store)).toEqual([])
      },
      { skip: whereSupported('groups') },
    ),

    storeCase(
      'without schedules every call about them is refused',
      async ({ store }) => {
        await expectRefusal(store.putSchedule(newSchedule()), 'JOBS_UNSUPPORTED')
        await expectRefusal(store.getSchedules([SCHEDULE]), 'JOBS_UNSUPPORTED')
        await expectRefusal(store.listSchedules({ queue: QUEUE, limit: 1 }), 'JOBS_UNSUPPORTED')
        await expectRefusal(store.dueSchedules({ queues: [QUEUE], limit: 1 }), 'JOBS_UNSUPPORTED')
        await expectRefusal(store.advanceSchedules([]), 'JOBS_UNSUPPORTED')
        await expectRefusal(store.removeSchedules([SCHEDULE]), 'JOBS_UNSUPPORTED')
      },
      { skip: whereSupported('schedules') },
    ),

    storeCase(
      'without limits every call about them is refused',
      async ({ store }) => {
        const change = { scope: OF_QUEUE, source: 'operator', limits: { concurrency: 1 } } as const
        await expectRefusal(store.setLimits([change]), 'JOBS_UNSUPPORTED')
        await expectRefusal(store.getLimits([OF_QUEUE]), 'JOBS_UNSUPPORTED')
        await expectRefusal(store.listLimits({ queue: QUEUE, limit: 1 }), 'JOBS_UNSUPPORTED')
        await expectRefusal(store.pause(ofLimiter()), 'JOBS_UNSUPPORTED')
        await expectRefusal(store.pause(ofKey()), 'JOBS_UNSUPPORTED')

        await store.pause(ofTenant())
        expect(await store.isPaused(ofTenant())).toBe(true)
      },
      { skip: whereSupported('limits') },
    ),
  ],
}
