import { DEFAULT_BREAKER, EACH_TENANT, type Limits, type LimitSource } from '@cgk/jobs-core'
import { expect } from 'vitest'
import { claimEverything, claimJobs, claimOne } from '../claim-jobs.ts'
import {
  LIMITED_KEY,
  LIMITER,
  limitsOf,
  OF_QUEUE,
  ofKey,
  ofLimiter,
  ofTenant,
  sayLimits,
} from '../limit-scopes.ts'
import { enqueueAll, newJobs, OTHER_TENANT, QUEUE, TENANT } from '../new-job.ts'
import { caseNeeding, type CaseGroup, type StoreCase } from '../store-case.ts'

const limitsCase = caseNeeding('limits')

const RATE = { limit: 5, periodMs: 1_000, burst: 7 }
const BREAKER = { failures: 3, cooldownMs: 5_000 }

/** From the weakest voice to the strongest. */
const VOICES = [
  [EACH_TENANT, 'directory'],
  [EACH_TENANT, 'operator'],
  [TENANT, 'directory'],
  [TENANT, 'operator'],
] as const satisfies readonly (readonly [string, LimitSource])[]

/** What was said, by whom, about what, and which of it applies. */
export const limitsScopesCases: CaseGroup = {
  operation: 'limits',
  cases: [
    limitsCase('about a scope nothing is said at first', async ({ store }) => {
      const states = await store.getLimits([OF_QUEUE, ofTenant(), ofLimiter(), ofKey()])

      expect(states).toMatchObject(
        [OF_QUEUE, ofTenant(), ofLimiter(), ofKey()].map((scope) => ({
          scope,
          operator: {},
          directory: {},
          effective: { paused: false },
          leased: 0,
          opensInMs: 0,
        })),
      )
      for (const { effective } of states) {
        expect(effective).not.toHaveProperty('concurrency')
        expect(effective).not.toHaveProperty('rate')
        expect(effective).not.toHaveProperty('backlog')
      }
      expect(states.map(({ breaker }) => breaker)).toEqual([null, null, 'closed', null])
      expect(states[2]?.effective.breaker).toEqual(DEFAULT_BREAKER)
    }),

    limitsCase(
      'what is said shows, by source and scope, in the order of the input',
      async (open) => {
        const { store } = open
        await store.setLimits([
          { scope: ofTenant(), source: 'operator', limits: { weight: 5, concurrency: 2 } },
          { scope: ofTenant(), source: 'directory', limits: { weight: 2, backlog: 9 } },
          { scope: OF_QUEUE, source: 'directory', limits: { rate: RATE } },
          { scope: ofLimiter(), source: 'operator', limits: { breaker: BREAKER } },
          { scope: ofKey(), source: 'operator', limits: { concurrency: 'none' } },
        ])
        const scopes = [ofKey(), ofTenant(), ofLimiter(), OF_QUEUE, ofTenant(OTHER_TENANT)]

        expect(await (await open.another()).getLimits(scopes)).toMatchObject([
          { scope: ofKey(), operator: { concurrency: 'none' }, directory: {} },
          {
            scope: ofTenant(),
            operator: { weight: 5, concurrency: 2 },
            directory: { weight: 2, backlog: 9 },
            effective: { weight: 5, concurrency: 2, backlog: 9, paused: false },
          },
          { scope: ofLimiter(), operator: { breaker: BREAKER }, effective: { breaker: BREAKER } },
          { scope: OF_QUEUE, operator: {}, directory: { rate: RATE }, effective: { rate: RATE } },
          { scope: ofTenant(OTHER_TENANT), operator: {}, directory: {} },
        ])
      },
    ),

    limitsCase('a change leaves what it does not name, and null takes back', async ({ store }) => {
      await sayLimits(store, ofTenant(), { weight: 3, concurrency: 4, rate: RATE })
      await sayLimits(store, ofTenant(), { concurrency: 5 })
      await sayLimits(store, ofTenant(), { concurrency: 6 }, 'directory')
      await sayLimits(store, ofTenant(), { rate: null })
      const said = await limitsOf(store, ofTenant())
      expect(said.operator).toEqual({ weight: 3, concurrency: 5 })
      expect(said.directory).toEqual({ concurrency: 6 })
      expect(said.effective).not.toHaveProperty('rate')
      await sayLimits(store, ofTenant(), { concurrency: null, backlog: null })
      const left = await limitsOf(store, ofTenant())
      expect(left).toMatchObject({ operator: { weight: 3 }, effective: { concurrency: 6 } })

      expect(left.operator).not.toHaveProperty('concurrency')
    }),

    limitsCase("a limiter's name and a key of the same text are two scopes", async ({ store }) => {
      await sayLimits(store, ofLimiter(TENANT, 'one'), { concurrency: 1 })
      await sayLimits(store, ofKey(TENANT, 'one'), { concurrency: 2 })

      expect(await limitsOf(store, ofLimiter(TENANT, 'one'))).toMatchObject({
        effective: { concurrency: 1 },
      })
      expect(await limitsOf(store, ofKey(TENANT, 'one'))).toMatchObject({
        effective: { concurrency: 2 },
      })
    }),

    ...(
      [
        ['weight', [11, 12, 13, 14], {}],
        ['concurrency', [11, 12, 13, 14], {}],
        ['backlog', [11, 12, 13, 14], {}],
        ['rate', [11, 12, 13, 14].map((burst) => ({ ...RATE, burst })), {}],
        [
          'breaker',
          [11, 12, 13, 14].map((failures) => ({ ...BREAKER, failures })),
          { limiter: LIMITER },
        ],
      ] as const
    ).map(([limit, values, within]): StoreCase =>
      limitsCase(
        `of a ${limit} applies what the operator, then the directory says of the very scope, then of each tenant`,
        async ({ store }) => {
          const very = { queue: QUEUE, tenantId: TENANT, ...within }
          const applies = async () => (await limitsOf(store, very)).effective[limit]
          const say = async (voice: number, value: unknown) => {
            const [tenantId, source] = VOICES[voice]!
            const limits = { [limit]: value } as Limits
            await sayLimits(store, { ...very, tenantId }, limits, source)
          }
          // Another limit, said by the strongest voice, is in the way of none.
          await sayLimits(
            store,
            very,
            limit === 'concurrency' ? { rate: RATE } : { concurrency: 1 },
          )
          for (const voice of VOICES.keys()) {
            await say(voice, values[voice])
            expect(await applies(), `said by voice ${voice}`).toEqual(values[voice])
          }
          for (const voice of [2, 1]) await say(voice, null)
          expect(await applies()).toEqual(values[3])
          await say(3, null)
          expect(await applies()).toEqual(values[0])
          expect(
            (await limitsOf(store, { ...very, tenantId: OTHER_TENANT })).effective[limit],
          ).toEqual(values[0])
        },
      ),
    ),

    limitsCase("'none' lifts what a weaker voice says, and nothing else", async ({ store }) => {
      await sayLimits(store, ofTenant(EACH_TENANT), { concurrency: 1, rate: RATE }, 'directory')
      await sayLimits(store, ofTenant(), { concurrency: 'none' })
      await enqueueAll(store, newJobs(9, 'mine'))
      await enqueueAll(store, newJobs(9, 'theirs', { tenantId: OTHER_TENANT }))
      const { effective } = await limitsOf(store, ofTenant())
      expect(effective).not.toHaveProperty('concurrency')
      expect(effective).toMatchObject({ rate: RATE })

      expect(await claimEverything(store)).toHaveLength(7 + 1)
    }),

    limitsCase('what is said of each tenant holds for each by itself', async ({ store }) => {
      await sayLimits(store, ofTenant(EACH_TENANT), { concurrency: 2 })
      await sayLimits(store, ofTenant(OTHER_TENANT), { concurrency: 3 })
      for (const tenantId of [TENANT, OTHER_TENANT, 'initech', null]) {
        await enqueueAll(store, newJobs(9, 'job', { tenantId }))
      }
      const claimed = await claimEverything(store)
      const count = (tenant: string | null) =>
        claimed.filter(({ tenantId }) => tenantId === tenant).length

      expect([TENANT, OTHER_TENANT, 'initech', null].map(count)).toEqual([2, 3, 2, 2])
    }),

    limitsCase("what is said of each tenant's limiter holds for each by itself", async (open) => {
      const { store } = open
      await sayLimits(store, ofLimiter(EACH_TENANT), { concurrency: 1 })
      await sayLimits(store, ofLimiter(OTHER_TENANT), { concurrency: 2 })
      for (const tenantId of [TENANT, OTHER_TENANT, null]) {
        await enqueueAll(store, newJobs(5, 'job', { tenantId, limiter: LIMITER }))
        await enqueueAll(store, newJobs(1, 'bank', { tenantId, limiter: 'bank-api' }))
      }

      expect(await claimEverything(store)).toHaveLength(1 + 2 + 1 + 3)
    }),

    caseNeeding('limits', 'concurrencyKeys')(
      "what is said of each tenant's key holds for each by itself",
      async ({ store }) => {
        const keyed = { concurrencyKey: LIMITED_KEY, concurrencyLimit: 5 }
        await sayLimits(store, ofKey(EACH_TENANT), { concurrency: 2 })
        await sayLimits(store, ofKey(OTHER_TENANT), { concurrency: 'none' })
        for (const tenantId of [TENANT, OTHER_TENANT]) {
          await enqueueAll(store, newJobs(9, 'job', { tenantId, ...keyed }))
        }

        expect(await claimEverything(store)).toHaveLength(2 + 5)
      },
    ),

    limitsCase('what a handle says holds in every other from the next claim on', async (open) => {
      const { store } = open
      const other = await open.another()
      await enqueueAll(store, newJobs(20, 'job'))
      await claimOne(other)
      await sayLimits(store, ofTenant(), { concurrency: 2 })
      expect(await claimJobs(other)).toHaveLength(1)
      await sayLimits(other, ofTenant(), { concurrency: 3 })
      expect(await claimJobs(store)).toHaveLength(1)
      const third = await open.another()
      expect(await claimJobs(third)).toEqual([])
      await sayLimits(third, ofTenant(), { concurrency: null })

      expect(await claimJobs(other)).toHaveLength(17)
    }),

    limitsCase('limits come before the first job and outlive the last', async (open) => {
      const { store } = open
      await sayLimits(store, ofTenant(), { concurrency: 1 })
      const refs = await enqueueAll(store, newJobs(3, 'job'))
      await store.remove(refs)
      await enqueueAll(store, newJobs(3, 'job'))

      expect(await claimJobs(await open.another())).toHaveLength(1)
    }),

    limitsCase('limits hold in their own queue alone', async ({ store }) => {
      await sayLimits(store, { queue: 'mails' }, { concurrency: 1 })
      await sayLimits(store, { queue: 'mails', tenantId: TENANT }, { concurrency: 1 })
      await enqueueAll(store, newJobs(5, 'job'))

      expect(await claimJobs(store)).toHaveLength(5)
    }),
  ],
}
