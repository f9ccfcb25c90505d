import { complete, release, type ClaimedJob, type JobRef } from '@cgk/jobs-core'
import { expect } from 'vitest'
import { claimJobs, claimOne, idsOf, maintainAll, read, refOf, settleOne } from '../claim-jobs.ts'
import { expectHint, withoutWakeUps } from '../expect-hint.ts'
import { enqueueOne, newJob, QUEUE, TENANT } from '../new-job.ts'
import { storeCase, type CaseGroup } from '../store-case.ts'

export const wakeUpCases: CaseGroup = {
  operation: 'wake-up',
  cases: [
    // A hint is owed where a claim was told to rest since the last one, so that each try begins with such a claim.
    storeCase(
      'an enqueued job is hinted at in every handle',
      async (open) => {
        const other = await open.another()
        const enqueue = () => open.store.enqueue([newJob()])
        await expectHint(open.store, 'ready', enqueue, () => claimJobs(other))
        await expectHint(other, 'ready', enqueue, () => claimJobs(other))
      },
      { skip: withoutWakeUps },
    ),

    storeCase(
      'a job that is due before all that wait for their time is hinted at',
      async (open) => {
        let delayMs = 60_000
        await expectHint(open.store, 'ready', () => {
          delayMs -= 1_000
          return open.store.enqueue([newJob({ delayMs })])
        })
      },
      { skip: withoutWakeUps },
    ),

    storeCase(
      'an attempt given back is hinted at',
      async ({ store }) => {
        let job: ClaimedJob
        await expectHint(
          store,
          'ready',
          () => settleOne(store, release(job)),
          async () => {
            await enqueueOne(store)
            job = await claimOne(store)
          },
        )
      },
      { skip: withoutWakeUps },
    ),

    storeCase(
      'a follow-up is hinted at',
      async ({ store }) => {
        let job: ClaimedJob
        await expectHint(
          store,
          'ready',
          () => settleOne(store, complete(job, null, { followUps: [newJob()] })),
          async () => {
            await enqueueOne(store)
            job = await claimOne(store)
          },
        )
      },
      { skip: withoutWakeUps },
    ),

    storeCase(
      'a job that was taken back is hinted at',
      async (open) => {
        await expectHint(
          open.store,
          'ready',
          () => maintainAll(open.store),
          async () => {
            await enqueueOne(open.store)
            await claimOne(open.store, { leaseMs: 1_000 })
            await open.advance(1_001)
          },
        )
      },
      { skip: withoutWakeUps },
    ),

    storeCase(
      'a job that an operator retried is hinted at',
      async ({ store }) => {
        let ref: JobRef
        await expectHint(
          store,
          'ready',
          () => store.retry([ref]),
          async () => {
            ref = await enqueueOne(store)
            await store.cancel([ref])
          },
        )
      },
      { skip: withoutWakeUps },
    ),

    storeCase(
      'the end of a pause is hinted at',
      async ({ store }) => {
        for (const scope of [{ queue: QUEUE }, { queue: QUEUE, tenantId: TENANT }]) {
          await expectHint(
            store,
            'ready',
            () => store.resume(scope),
            async () => {
              await enqueueOne(store)
              await store.pause(scope)
            },
          )
        }
      },
      { skip: withoutWakeUps },
    ),

    storeCase(
      'the cancelling of a running job is hinted at',
      async ({ store }) => {
        let job: ClaimedJob
        await expectHint(
          store,
          'changed',
          () => store.cancel([refOf(job)]),
          async () => {
            await enqueueOne(store)
            job = await claimOne(store)
          },
        )
      },
      { skip: withoutWakeUps },
    ),

    storeCase(
      'a pause is hinted at',
      async ({ store }) => {
        const scope = { queue: QUEUE }
        await expectHint(
          store,
          'changed',
          () => store.pause(scope),
          () => store.resume(scope),
        )
      },
      { skip: withoutWakeUps },
    ),

    storeCase(
      'who has unsubscribed hears nothing more',
      async (open) => {
        let calls = 0
        const stop = open.store.subscribe?.(() => {
          calls += 1
        })
        stop?.()
        stop?.()
        await expectHint(
          open.store,
          'ready',
          () => open.store.enqueue([newJob()]),
          () => claimJobs(open.store),
        )

        expect(calls).toBe(0)
      },
      { skip: withoutWakeUps },
    ),

    storeCase(
      'of jobs that are claimed as soon as a listener hears of them each is leased once',
      async ({ store }) => {
        const claims: Promise<readonly ClaimedJob[]>[] = []
        const stop = store.subscribe!(({ queue }) => {
          if (queue === QUEUE) claims.push(claimJobs(store))
        })
        const given = [
          { tenantId: 'one' },
          { tenantId: 'two' },
          { tenantId: 'one' },
          { priority: 5 },
        ]
        const refs: JobRef[] = []
        for (const each of given) refs.push(await enqueueOne(store, each))
        stop()
        const claimed = [...(await Promise.all(claims)).flat(), ...(await claimJobs(store))]
        expect(idsOf(claimed).toSorted()).toEqual(idsOf(refs).toSorted())
        for (const job of claimed) {
          expect(await read(store, job)).toMatchObject({ state: 'running', attempts: 1 })
          expect(await settleOne(store, complete(job))).toBe('settled')
        }
        expect(await store.counts({ queue: QUEUE })).toMatchObject({ running: 0, completed: 4 })
      },
      { skip: withoutWakeUps },
    ),

    storeCase(
      'a listener that throws stops neither the call nor the other listeners',
      async (open) => {
        const stop = open.store.subscribe?.(() => {
          throw new Error('a listener failed')
        })
        await expectHint(
          open.store,
          'ready',
          () => open.store.enqueue([newJob()]),
          () => claimJobs(open.store),
        )
        stop?.()

        expect((await claimOne(open.store)).queue).toBe(QUEUE)
      },
      { skip: withoutWakeUps },
    ),
  ],
}
