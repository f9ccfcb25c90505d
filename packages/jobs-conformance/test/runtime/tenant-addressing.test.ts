import { withTenant } from '@cgk/core'
import { createJobQueue, type JobQueue } from '@cgk/jobs-core'
import { createMemoryStore } from '@cgk/jobs-memory'
import { beforeEach, describe, expect, test } from 'vitest'

/** One id, three jobs: of a tenant, of another and of none. */
describe('one id in several tenants', () => {
  let queue: JobQueue

  beforeEach(async () => {
    queue = createJobQueue({ name: 'default', store: createMemoryStore() })
    for (const tenantId of ['acme', 'globex']) {
      await queue.enqueue('bill', { tenantId }, { jobId: 'invoice-7', tenantId })
    }
    await queue.enqueue('bill', { tenantId: null }, { jobId: 'invoice-7' })
  })

  test('an id alone means the current tenant’s job, outside of one a job without', async () => {
    expect(await withTenant('acme', () => queue.getJob('invoice-7'))).toHaveProperty(
      'tenantId',
      'acme',
    )
    expect(await queue.getJob('invoice-7')).not.toHaveProperty('tenantId')
  })

  test('a job means itself, whatever tenant the call is made in', async () => {
    const jobs = await queue.listJobs()
    expect(jobs).toHaveLength(3)
    for (const job of jobs) {
      for (const tenantId of ['acme', 'globex', null]) {
        expect(await withTenant(tenantId, () => queue.getJob(job))).toEqual(job)
      }
    }
  })

  test('an action on a job without a tenant does nothing to the tenant it is called in', async () => {
    const job = await queue.getJob({ id: 'invoice-7', tenantId: null })
    await withTenant('acme', () => queue.cancelJob(job!))

    expect(await queue.counts({ tenantId: null })).toMatchObject({ pending: 0, cancelled: 1 })
    expect(await queue.counts({ tenantId: 'acme' })).toMatchObject({ pending: 1, cancelled: 0 })
  })
})
