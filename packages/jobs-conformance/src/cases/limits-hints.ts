import { complete, type ClaimedJob, type JobStore, type NewJob } from '@cgk/jobs-core'
import { claimEverything, claimJobs, claimOne, settleOne } from '../claim-jobs.ts'
import { expectHint, withoutWakeUps } from '../expect-hint.ts'
import { KINDS, LIMITED_KEY, OF_QUEUE, ofKey, ofTenant, sayLimits } from '../limit-scopes.ts'
import { enqueueAll, newJob, newJobs, OTHER_TENANT } from '../new-job.ts'
import { caseNeeding, type CaseGroup, type StoreCase } from '../store-case.ts'

const limitsCase = caseNeeding('limits')
const keyCase = caseNeeding('limits', 'orderingKeys')
const skip = { skip: withoutWakeUps }

/** Ends all that can run, so that the next try begins with an empty queue. */
async function clear(store: JobStore): Promise<void> {
  for (let jobs = await claimEverything(store); jobs.length > 0;) {
    await store.settle({ settlements: jobs.map((job) => complete(job)) })
    jobs = await claimEverything(store)
  }
}

/** Three jobs, of which there may be any number more. */
function nameless(given: Partial<NewJob>): NewJob[] {
  return Array.from({ length: 3 }, () => newJob(given))
}

/** Sleepers are woken when a limit lets more start. */
export const limitsHintsCases: CaseGroup = {
  operation: 'hints of limits',
  cases: [
    ...KINDS.flatMap(({ kind, scope, given, kindCase }): StoreCase[] => [
      kindCase(
        `a place that becomes free in a full ${kind} is hinted at`,
        async ({ store }) => {
          let running: ClaimedJob
          await expectHint(
            store,
            'ready',
            () => settleOne(store, complete(running)),
            async () => {
              await clear(store)
              await sayLimits(store, scope, { concurrency: 1 })
              await enqueueAll(store, nameless(given))
              running = await claimOne(store)
            },
          )
        },
        skip,
      ),

      kindCase(
        `a limit of a ${kind} that is raised or lifted is hinted at`,
        async ({ store }) => {
          for (const concurrency of [3, 'none', null] as const) {
            let running: ClaimedJob | null = null
            await expectHint(
              store,
              'ready',
              () => sayLimits(store, scope, { concurrency }),
              async () => {
                if (running !== null) await settleOne(store, complete(running))
                await clear(store)
                await sayLimits(store, scope, { concurrency: 1 })
                await enqueueAll(store, nameless(given))
                running = await claimOne(store)
              },
            )
            await settleOne(store, complete(running!))
          }
        },
        skip,
      ),

      kindCase(
        `a rate of a ${kind} that is raised is hinted at before it lets start`,
        async ({ store }) => {
          const interval = (periodMs: number) =>
            sayLimits(store, scope, { rate: { limit: 1, periodMs, burst: 1 } })
          await expectHint(
            store,
            'ready',
            () => interval(60_000),
            async () => {
              await sayLimits(store, scope, { rate: null })
              await clear(store)
              await interval(3_600_000)
              await enqueueAll(store, nameless(given))
              await claimOne(store)
              await claimJobs(store)
            },
          )
        },
        skip,
      ),

      kindCase(
        `the end of a pause of a ${kind} is hinted at, and its beginning`,
        async ({ store }) => {
          await enqueueAll(store, newJobs(1, 'job', given))
          await expectHint(
            store,
            'ready',
            () => store.resume(scope),
            () => store.pause(scope),
          )
          await expectHint(
            store,
            'changed',
            () => store.pause(scope),
            () => store.resume(scope),
          )
        },
        skip,
      ),
    ]),

    limitsCase(
      'a place that becomes free in a full queue is hinted at where others wait for it',
      async ({ store }) => {
        let running: ClaimedJob
        await expectHint(
          store,
          'ready',
          () => settleOne(store, complete(running)),
          async () => {
            await clear(store)
            await sayLimits(store, OF_QUEUE, { concurrency: 1 })
            await enqueueAll(store, [newJob()])
            running = await claimOne(store)
            await enqueueAll(store, nameless({ tenantId: OTHER_TENANT }))
          },
        )
      },
      skip,
    ),

    limitsCase(
      'the end of a pause of a queue is hinted at where a job waits for its time',
      async ({ store }) => {
        await enqueueAll(store, [newJob({ delayMs: 60_000 })])
        await expectHint(
          store,
          'ready',
          () => store.resume(OF_QUEUE),
          async () => {
            await store.pause(OF_QUEUE)
            await claimJobs(store)
          },
        )
      },
      skip,
    ),

    keyCase(
      'a key that becomes free is hinted at though its rate keeps the next waiting',
      async ({ store }) => {
        const rate = { limit: 1, periodMs: 60_000, burst: 1 }
        let running: ClaimedJob
        await expectHint(
          store,
          'ready',
          () => settleOne(store, complete(running)),
          async () => {
            await sayLimits(store, ofKey(), { rate: null })
            await clear(store)
            await sayLimits(store, ofKey(), { rate })
            await enqueueAll(store, nameless({ orderingKey: LIMITED_KEY }))
            running = await claimOne(store)
            await claimJobs(store)
          },
        )
      },
      skip,
    ),

    limitsCase(
      'a tenant that the directory suspends or wakes is hinted at',
      async ({ store }) => {
        await enqueueAll(store, newJobs(1, 'job'))
        const say = (paused: boolean) => sayLimits(store, ofTenant(), { paused }, 'directory')
        await expectHint(
          store,
          'ready',
          () => say(false),
          () => say(true),
        )
        await expectHint(
          store,
          'changed',
          () => say(true),
          () => say(false),
        )
      },
      skip,
    ),
  ],
}
