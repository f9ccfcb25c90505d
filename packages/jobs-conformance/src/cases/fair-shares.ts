import type { JobStore } from '@cgk/jobs-core'
import { expect } from 'vitest'
import { claimJobs } from '../claim-jobs.ts'
import { expectFairShares, serve, tenantsOf } from '../fair-shares.ts'
import { LIMITER, ofLimiter, ofTenant, sayLimits } from '../limit-scopes.ts'
import { enqueueAll, newJobs, OTHER_TENANT, TENANT } from '../new-job.ts'
import { caseNeeding, type CaseGroup, type StoreCase } from '../store-case.ts'

const limitsCase = caseNeeding('limits')

const EQUAL = new Map([
  [TENANT, 1],
  [OTHER_TENANT, 1],
])

async function addJobs(store: JobStore, tenantId: string | null, count: number): Promise<void> {
  await enqueueAll(store, newJobs(count, 'job', { tenantId }))
}

/** Ways for {@link OTHER_TENANT} to have nothing that may start, and to have it again. */
const ABSENCES: readonly {
  readonly absence: string
  readonly leave: (store: JobStore) => Promise<unknown>
  readonly comeBack: (store: JobStore) => Promise<unknown>
}[] = [
  {
    absence: 'idle',
    leave: async () => {},
    comeBack: (store) => addJobs(store, OTHER_TENANT, 300),
  },
  {
    absence: 'paused',
    async leave(store) {
      await store.pause(ofTenant(OTHER_TENANT))
      await addJobs(store, OTHER_TENANT, 300)
    },
    comeBack: (store) => store.resume(ofTenant(OTHER_TENANT)),
  },
  {
    absence: 'at its concurrency',
    async leave(store) {
      await sayLimits(store, ofTenant(OTHER_TENANT), { concurrency: 1 })
      await addJobs(store, OTHER_TENANT, 301)
      // Held by nobody who is heard of again.
      for (let found = 0; found === 0;) {
        const jobs = await claimJobs(store, { slots: 1, leaseMs: 3_600_000 })
        found = jobs.filter(({ tenantId }) => tenantId === OTHER_TENANT).length
      }
    },
    comeBack: (store) => sayLimits(store, ofTenant(OTHER_TENANT), { concurrency: null }),
  },
  {
    absence: 'beyond its rate',
    async leave(store) {
      const rate = { limit: 1, periodMs: 3_600_000, burst: 1 }
      await sayLimits(store, ofTenant(OTHER_TENANT), { rate })
      await addJobs(store, OTHER_TENANT, 301)
      for (let found = 0; found === 0;) {
        const jobs = await claimJobs(store, { slots: 1 })
        found = jobs.filter(({ tenantId }) => tenantId === OTHER_TENANT).length
      }
    },
    comeBack: (store) => sayLimits(store, ofTenant(OTHER_TENANT), { rate: 'none' }),
  },
]

/** Which tenant's turn it is. */
export const fairSharesCases: CaseGroup = {
  operation: 'fair shares',
  cases: [
    ...[
      { sizes: 'one by one', sizeOf: () => 1, rounds: 200 },
      {
        sizes: 'in calls of many sizes',
        sizeOf: (turn: number) => 1 + ((turn * 37) % 64),
        rounds: 1_000,
      },
    ].map(({ sizes, sizeOf, rounds }): StoreCase =>
      limitsCase(
        `claimed ${sizes}, shares keep to weights of 1, 2 and 5 all along`,
        async (open) => {
          const weights = new Map([
            ['light', 1],
            ['middle', 2],
            ['heavy', 5],
          ])
          for (const [tenantId, weight] of weights) {
            await sayLimits(open.store, ofTenant(tenantId), { weight })
            await addJobs(open.store, tenantId, weight * rounds + 10)
          }
          const handles = [open.store, await open.another(), await open.another()]
          const served = tenantsOf(await serve(handles, 8 * rounds, sizeOf))
          expectFairShares(served, weights)

          expect(served.filter((tenant) => tenant === 'heavy').length).toBeGreaterThanOrEqual(
            5 * rounds - 6,
          )
        },
      ),
    ),

    limitsCase('tenants of which nothing is said take turns', async ({ store }) => {
      const weights = new Map(['a', 'b', 'c', 'd', null].map((tenant) => [tenant, 1] as const))
      for (const tenantId of weights.keys()) await addJobs(store, tenantId, 120)

      expectFairShares(tenantsOf(await serve([store], 500)), weights)
    }),

    limitsCase('the jobs without a tenant are one tenant more, of weight 1', async ({ store }) => {
      await sayLimits(store, ofTenant(), { weight: 4 })
      await addJobs(store, TENANT, 500)
      await addJobs(store, null, 500)
      const served = await serve([store], 500, (turn) => 1 + (turn % 7))

      expectFairShares(
        tenantsOf(served),
        new Map([
          [TENANT as string | null, 4],
          [null, 1],
        ]),
      )
    }),

    limitsCase('weights that are far apart hold too', async ({ store }) => {
      const weights = new Map([
        ['small', 1],
        ['odd', 37],
        ['large', 1_000],
      ])
      for (const [tenantId, weight] of weights) {
        await sayLimits(store, ofTenant(tenantId), { weight })
        await addJobs(store, tenantId, 4 * weight + 10)
      }

      expectFairShares(tenantsOf(await serve([store], 4_000, () => 50)), weights)
    }),

    limitsCase('a weight holds from the next claim on, in every handle', async (open) => {
      const { store } = open
      const handles = [store, await open.another()]
      await addJobs(store, TENANT, 900)
      await addJobs(store, OTHER_TENANT, 900)
      expectFairShares(tenantsOf(await serve(handles, 100)), EQUAL)
      await sayLimits(store, ofTenant(OTHER_TENANT), { weight: 3 })
      // The next turn of each was set by the weight it had; all others by the new one.
      await serve(handles, 4)
      expectFairShares(
        tenantsOf(await serve(handles, 400)),
        new Map([
          [TENANT, 1],
          [OTHER_TENANT, 3],
        ]),
      )
      await sayLimits(store, ofTenant(OTHER_TENANT), { weight: null })
      await serve(handles, 2)

      expectFairShares(tenantsOf(await serve(handles, 200)), EQUAL)
    }),

    ...ABSENCES.map(({ absence, leave, comeBack }): StoreCase =>
      limitsCase(`nobody saves up turns while ${absence}, nor loses any`, async ({ store }) => {
        await addJobs(store, TENANT, 1_000)
        await leave(store)
        const meanwhile = tenantsOf(await serve([store], 500, () => 10))
        expect(new Set(meanwhile)).toEqual(new Set([TENANT]))
        await comeBack(store)

        expectFairShares(tenantsOf(await serve([store], 400, (turn) => 1 + (turn % 3))), EQUAL)
      }),
    ),

    limitsCase('who comes again and again with one job gains nothing by it', async ({ store }) => {
      await addJobs(store, TENANT, 300)
      const served: (string | null)[] = []
      for (let turn = 0; turn < 100; turn += 1) {
        await enqueueAll(store, newJobs(1, `single-${turn}`, { tenantId: OTHER_TENANT }))
        served.push(...tenantsOf(await serve([store], 2)))
      }

      expectFairShares(served, EQUAL)
    }),

    limitsCase('equal turns go in the order in which the tenants came', async ({ store }) => {
      const come = async (...tenants: readonly (string | null)[]) => {
        for (const tenantId of tenants) await addJobs(store, tenantId, 2)
        const served = tenantsOf(await serve([store], 2 * tenants.length))
        expect(served).toEqual([...tenants, ...tenants])
      }
      await come('zulu', 'mike', 'alpha', null, 'kilo')
      await come('kilo', null, 'alpha', 'zulu', 'mike')
      await come('alpha', 'mike', 'zulu')
    }),

    limitsCase(
      'one call that brings several tenants brings them in its order',
      async ({ store }) => {
        const tenants = ['zulu', 'alpha', 'mike']
        await enqueueAll(
          store,
          tenants.flatMap((tenantId) => newJobs(2, 'job', { tenantId })),
        )

        expect(tenantsOf(await serve([store], 6))).toEqual([...tenants, ...tenants])
      },
    ),

    limitsCase('priority counts within a tenant alone', async ({ store }) => {
      await enqueueAll(store, newJobs(300, 'high', { priority: 99 }))
      await enqueueAll(store, newJobs(300, 'low', { tenantId: OTHER_TENANT, priority: -99 }))

      expectFairShares(tenantsOf(await serve([store], 400, () => 7)), EQUAL)
    }),

    limitsCase('a tenant that is blocked now and then disturbs not the others', async (open) => {
      const { store } = open
      for (const tenantId of ['blocked', TENANT, OTHER_TENANT]) await addJobs(store, tenantId, 900)
      await sayLimits(store, ofTenant('blocked'), { weight: 1_000 })
      const served: (string | null)[] = []
      for (let turn = 0; turn < 60; turn += 1) {
        if (turn % 3 === 0) await store.pause(ofTenant('blocked'))
        else if (turn % 3 === 1) await store.resume(ofTenant('blocked'))
        else await sayLimits(store, ofTenant('blocked'), { concurrency: 1 + (turn % 4) })
        served.push(...tenantsOf(await serve([store], 9, () => 3)))
      }

      expectFairShares(served, EQUAL)
    }),

    limitsCase(
      'a tenant of which some jobs are kept back has its share of the others',
      async ({ store }) => {
        await sayLimits(store, ofLimiter(), { concurrency: 1 })
        await enqueueAll(store, newJobs(300, 'limited', { limiter: LIMITER, priority: 9 }))
        await claimJobs(store, { slots: 1 })
        await addJobs(store, TENANT, 300)
        await addJobs(store, OTHER_TENANT, 300)

        expectFairShares(tenantsOf(await serve([store], 400, () => 5)), EQUAL)
      },
    ),
  ],
}
