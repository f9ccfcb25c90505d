import { EACH_TENANT, type LimitScope, type StoredLimits } from '@cgk/jobs-core'
import { expect } from 'vitest'
import type { OpenStore } from '../harness.ts'
import { OF_QUEUE, ofKey, ofLimiter, ofTenant, sayLimits } from '../limit-scopes.ts'
import { OTHER_TENANT, QUEUE, TENANT } from '../new-job.ts'
import { caseNeeding, type CaseGroup } from '../store-case.ts'

const limitsCase = caseNeeding('limits')

/** Every page, each read through another handle. */
async function listAll(
  open: OpenStore,
  limit: number,
  given: { readonly tenantId?: string | null } = {},
): Promise<StoredLimits[]> {
  const handles = [open.store, await open.another()]
  const found: StoredLimits[] = []
  let cursor: string | null | undefined
  for (let page = 0; cursor !== null; page += 1) {
    const request = { queue: QUEUE, limit, ...given }
    const answer = await handles[page % 2]!.listLimits(
      cursor === undefined ? request : { ...request, cursor },
    )
    expect(answer.limits.length, 'scopes of one page').toBeLessThanOrEqual(limit)
    expect(page, 'pages').toBeLessThan(100)
    found.push(...answer.limits)
    cursor = answer.nextCursor
  }
  return found
}

function texts(scopes: readonly LimitScope[]): string[] {
  return scopes
    .map(({ queue, tenantId, limiter, key }) => JSON.stringify({ queue, tenantId, limiter, key }))
    .toSorted()
}

/** Which scopes something is said about. */
export const limitsListingCases: CaseGroup = {
  operation: 'limits listed',
  cases: [
    limitsCase('every scope about which something is said is listed once', async (open) => {
      const scopes = [
        OF_QUEUE,
        ofTenant(),
        ofTenant(OTHER_TENANT),
        ofTenant(null),
        ofTenant(EACH_TENANT),
        ofLimiter(),
        ofLimiter(null),
        ofKey(),
        ofKey(EACH_TENANT, 'shop "7": %'),
      ]
      for (const scope of scopes) await sayLimits(open.store, scope, { concurrency: 2 })
      await sayLimits(open.store, ofTenant(), { concurrency: 3 }, 'directory')
      await sayLimits(open.store, { queue: 'mails', tenantId: TENANT }, { concurrency: 3 })

      for (const limit of [1, 2, 4, 100]) {
        const listed = await listAll(open, limit)
        expect(texts(listed.map(({ scope }) => scope))).toEqual(texts(scopes))
      }
    }),

    limitsCase('a listed scope shows what was said by whom', async (open) => {
      await sayLimits(open.store, ofTenant(), { concurrency: 'none', weight: 7 })
      await sayLimits(open.store, ofTenant(), { backlog: 0 }, 'directory')

      expect(await listAll(open, 10)).toMatchObject([
        {
          scope: ofTenant(),
          operator: { concurrency: 'none', weight: 7 },
          directory: { backlog: 0 },
        },
      ])
    }),

    limitsCase('of one tenant its own scopes are listed', async (open) => {
      for (const tenantId of [TENANT, OTHER_TENANT, null]) {
        await sayLimits(open.store, ofTenant(tenantId), { concurrency: 2 })
        await sayLimits(open.store, ofLimiter(tenantId), { concurrency: 2 })
      }
      await sayLimits(open.store, OF_QUEUE, { concurrency: 2 })
      for (const tenantId of [TENANT, null]) {
        const listed = await listAll(open, 1, { tenantId })
        expect(texts(listed.map(({ scope }) => scope))).toEqual(
          texts([ofTenant(tenantId), ofLimiter(tenantId)]),
        )
      }
    }),

    limitsCase('what was taken back is not listed', async (open) => {
      await sayLimits(open.store, ofTenant(), { concurrency: 2, weight: 3 })
      await sayLimits(open.store, ofLimiter(), { concurrency: 2 })
      await sayLimits(open.store, ofTenant(), { concurrency: null })
      await sayLimits(open.store, ofLimiter(), { concurrency: null })
      expect(texts((await listAll(open, 10)).map(({ scope }) => scope))).toEqual(
        texts([ofTenant()]),
      )
      await sayLimits(open.store, ofTenant(), { weight: null })

      expect(await listAll(open, 10)).toEqual([])
    }),
  ],
}
