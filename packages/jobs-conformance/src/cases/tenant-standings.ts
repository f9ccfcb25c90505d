import { complete, EACH_TENANT, retry, type TenantStanding } from '@cgk/jobs-core'
import { expect } from 'vitest'
import {
  claimEverything,
  claimJobs,
  claimOne,
  LEASE_MS,
  maintainAll,
  settleOne,
} from '../claim-jobs.ts'
import type { OpenStore } from '../harness.ts'
import { ofTenant, sayLimits } from '../limit-scopes.ts'
import { enqueueAll, enqueueOne, ERROR, newJobs, OTHER_TENANT, QUEUE, TENANT } from '../new-job.ts'
import { caseNeeding, type CaseGroup } from '../store-case.ts'

const limitsCase = caseNeeding('limits')

/** Every page, each read through another handle. */
async function standings(open: OpenStore, limit = 100): Promise<TenantStanding[]> {
  const handles = [open.store, await open.another()]
  const found: TenantStanding[] = []
  let cursor: string | null | undefined
  for (let page = 0; cursor !== null; page += 1) {
    const answer = await handles[page % 2]!.listTenants(
      cursor === undefined ? { queue: QUEUE, limit } : { queue: QUEUE, limit, cursor },
    )
    expect(answer.tenants.length, 'tenants of one page').toBeLessThanOrEqual(limit)
    expect(page, 'pages').toBeLessThan(1_000)
    found.push(...answer.tenants)
    cursor = answer.nextCursor
  }
  return found
}

/** Which tenants have something in a queue, and how they stand. */
export const tenantStandingsCases: CaseGroup = {
  operation: 'tenants',
  cases: [
    limitsCase('a tenant shows what it has leased and what waits', async (open) => {
      const { store } = open
      const start = await open.now()
      await enqueueAll(store, newJobs(3, 'due'))
      await open.advance(1_000)
      await enqueueAll(store, newJobs(2, 'late'))
      await enqueueOne(store, { delayMs: 60_000 })
      await enqueueOne(store, { tenantId: OTHER_TENANT, delayMs: 5_000 })
      await enqueueOne(store, { tenantId: null })
      await enqueueOne(store, { tenantId: 'initech', queue: 'mails' })
      expect(await standings(open)).toEqual([
        { tenantId: null, leased: 0, waiting: 1, oldestDueAt: start + 1_000, paused: false },
        { tenantId: TENANT, leased: 0, waiting: 6, oldestDueAt: start, paused: false },
        { tenantId: OTHER_TENANT, leased: 0, waiting: 1, oldestDueAt: null, paused: false },
      ])
      await claimEverything(store)
      await open.advance(5_000)

      expect(await standings(open)).toEqual([
        { tenantId: null, leased: 1, waiting: 0, oldestDueAt: null, paused: false },
        { tenantId: TENANT, leased: 5, waiting: 1, oldestDueAt: null, paused: false },
        {
          tenantId: OTHER_TENANT,
          leased: 0,
          waiting: 1,
          oldestDueAt: start + 6_000,
          paused: false,
        },
      ])
    }),

    limitsCase('the oldest that is due is told of, whatever its priority', async (open) => {
      const { store } = open
      const start = await open.now()
      await enqueueAll(store, newJobs(2, 'old'))
      await open.advance(500)
      await enqueueAll(store, newJobs(2, 'new', { priority: 9 }))
      expect((await standings(open))[0]?.oldestDueAt).toBe(start)
      await claimJobs(store, { slots: 3 })
      expect((await standings(open))[0]?.oldestDueAt).toBe(start)
      await settleOne(store, retry(await claimOne(store), ERROR, 100))
      expect((await standings(open))[0]?.oldestDueAt).toBeNull()
      await open.advance(200)

      expect((await standings(open))[0]?.oldestDueAt).toBe(start + 600)
    }),

    limitsCase('cancelled jobs that are held and expired leases are leased', async (open) => {
      const { store } = open
      await enqueueAll(store, newJobs(2, 'job'))
      const [first] = await claimJobs(store)
      await store.cancel([first!])
      await open.advance(LEASE_MS + 1)
      expect(await standings(open)).toMatchObject([{ leased: 2, waiting: 0, oldestDueAt: null }])
      await maintainAll(store)

      expect(await standings(open)).toMatchObject([{ leased: 0, waiting: 1 }])
    }),

    limitsCase('a tenant of which nothing waits or runs is not listed', async (open) => {
      const { store } = open
      expect(await standings(open)).toEqual([])
      await sayLimits(store, ofTenant(), { concurrency: 3 })
      await store.pause(ofTenant())
      expect(await standings(open)).toEqual([])
      await store.resume(ofTenant())
      const [ref] = await enqueueAll(store, newJobs(2, 'job'))
      await store.cancel([ref!])
      await settleOne(store, complete(await claimOne(store)))

      expect(await standings(open)).toEqual([])
    }),

    limitsCase('a pause of the tenant shows, whoever said it', async (open) => {
      const { store } = open
      const paused = async () => (await standings(open)).map((tenant) => tenant.paused)
      await enqueueOne(store)
      await enqueueOne(store, { tenantId: OTHER_TENANT })
      await store.pause({ queue: QUEUE })
      expect(await paused(), 'a pause of the queue is none of its tenants').toEqual([false, false])
      await store.pause(ofTenant())
      expect(await paused()).toEqual([true, false])
      await store.resume(ofTenant())
      await sayLimits(store, ofTenant(EACH_TENANT), { paused: true }, 'directory')
      await sayLimits(store, ofTenant(), { paused: false }, 'directory')

      expect(await paused()).toEqual([false, true])
    }),

    limitsCase('pages go through all tenants once, in the order of their ids', async (open) => {
      const ids = Array.from({ length: 25 }, (_, index) => `tenant-${(index * 7) % 25}`)
      for (const tenantId of [...ids, null]) await enqueueOne(open.store, { tenantId })
      const expected = [null, ...ids.toSorted()]

      for (const limit of [1, 4, 26, 100]) {
        expect((await standings(open, limit)).map(({ tenantId }) => tenantId)).toEqual(expected)
      }
    }),

    limitsCase('one tenant is asked for by itself', async (open) => {
      const { store } = open
      for (const tenantId of [null, 'a', 'b', 'c']) await enqueueOne(store, { tenantId })
      await claimOne(store)
      const ask = async (tenantId: string | null) =>
        (await store.listTenants({ queue: QUEUE, tenantId, limit: 1 })).tenants
      const of = async (tenantId: string | null) =>
        (await standings(open)).filter((each) => each.tenantId === tenantId)

      for (const tenantId of [null, 'a', 'b', 'c']) {
        expect(await ask(tenantId)).toEqual(await of(tenantId))
      }
      expect(await ask('nobody')).toEqual([])
      expect(await store.listTenants({ queue: QUEUE, tenantId: 'b', limit: 1 })).toMatchObject({
        nextCursor: null,
      })
    }),

    limitsCase('a page repeats no tenant, though some come and go between', async (open) => {
      const { store } = open
      for (const tenantId of ['b', 'd', 'f', 'h']) await enqueueOne(store, { tenantId })
      const first = await store.listTenants({ queue: QUEUE, limit: 2 })
      await enqueueOne(store, { tenantId: 'a' })
      await enqueueOne(store, { tenantId: 'e' })
      const second = await store.listTenants({
        queue: QUEUE,
        limit: 10,
        cursor: first.nextCursor!,
      })

      expect(first.tenants.map(({ tenantId }) => tenantId)).toEqual(['b', 'd'])
      expect(second.tenants.map(({ tenantId }) => tenantId)).toEqual(['e', 'f', 'h'])
    }),
  ],
}
