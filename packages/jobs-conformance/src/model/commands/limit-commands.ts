import type { StoredLimits, TenantStanding } from '@cgk/jobs-core'
import { expect } from 'vitest'
import fc, { type Arbitrary } from 'fast-check'
import * as draw from '../arbitraries.ts'
import { jobCommand, type JobCommand } from '../job-command.ts'
import { handleOf } from '../real-store.ts'
import * as limits from '../rules/limits.ts'
import * as standings from '../rules/standings.ts'
import { anyScope, limitChanges } from './limit-arbitraries.ts'

const { handle } = draw

export const setLimits: Arbitrary<JobCommand> = fc
  .record({ handle, changes: limitChanges })
  .map((input) =>
    jobCommand('setLimits', input, async (model, real, { changes }) => {
      await handleOf(real, input.handle).setLimits(changes)
      limits.setLimits(model, changes)
      const scopes = changes.map(({ scope }) => scope)
      const states = await handleOf(real, input.handle + 1).getLimits(scopes)
      standings.compareLimits(model, scopes, states)
    }),
  )

export const getLimits: Arbitrary<JobCommand> = fc
  .record({ handle, scopes: fc.array(anyScope, { minLength: 1, maxLength: 5 }) })
  .map((input) =>
    jobCommand('getLimits', input, async (model, real, { scopes }) => {
      standings.compareLimits(model, scopes, await handleOf(real, input.handle).getLimits(scopes))
    }),
  )

export const listLimits: Arbitrary<JobCommand> = fc
  .record({ handle, queue: draw.queue, limit: fc.integer({ min: 1, max: 4 }) })
  .map((input) =>
    jobCommand('listLimits', input, async (model, real, { queue, limit }) => {
      const said = await readPages(async (cursor, page): Promise<Page<StoredLimits>> => {
        const store = handleOf(real, input.handle + page)
        const answer = await store.listLimits({ queue, limit, ...cursor })
        return { items: answer.limits, nextCursor: answer.nextCursor }
      })
      standings.compareSaid(model, queue, said)
    }),
  )

export const listTenants: Arbitrary<JobCommand> = fc
  .record({ handle, queue: draw.queue, limit: fc.integer({ min: 1, max: 4 }) })
  .map((input) =>
    jobCommand('listTenants', input, async (model, real, { queue, limit }) => {
      const tenants = await readPages(async (cursor, page): Promise<Page<TenantStanding>> => {
        const store = handleOf(real, input.handle + page)
        const answer = await store.listTenants({ queue, limit, ...cursor })
        return { items: answer.tenants, nextCursor: answer.nextCursor }
      })
      standings.compareTenants(model, queue, tenants)
    }),
  )

interface Page<T> {
  readonly items: readonly T[]
  readonly nextCursor: string | null
}

async function readPages<T>(
  read: (cursor: { readonly cursor?: string }, page: number) => Promise<Page<T>>,
): Promise<T[]> {
  const items: T[] = []
  let cursor: string | null | undefined
  for (let page = 0; cursor !== null; page += 1) {
    const answer = await read(cursor === undefined ? {} : { cursor }, page)
    expect(page, 'pages').toBeLessThan(1_000)
    items.push(...answer.items)
    cursor = answer.nextCursor
  }
  return items
}
