import { withTenant } from '@cgk/jobs'
import { createTestJobs } from '@cgk/jobs-memory/testing'
import { expect, it } from 'vitest'
import {
  importOrder,
  nightlyReport,
  placeOrder,
  scheduleReports,
  sendReceipt,
} from '../src/shop.ts'

const order = { orderId: 'order_1', email: 'ada@example.com' }

it('imports orders of the same number for each tenant', async () => {
  await using jobs = createTestJobs({ jobs: [importOrder, sendReceipt], tenancy: 'required' })
  await withTenant('acme', () => placeOrder(jobs.queue, order))
  await withTenant('globex', () => placeOrder(jobs.queue, order))
  await jobs.runUntilIdle()

  await jobs.expectEnqueued(sendReceipt, { orderId: 'order_1' }, { tenantId: 'acme' })
  await jobs.expectEnqueued(sendReceipt, { orderId: 'order_1' }, { tenantId: 'globex' })
})

it('reports to every tenant', async () => {
  await using jobs = createTestJobs({ jobs: [nightlyReport], tenants: ['acme', 'globex'] })
  await scheduleReports(jobs.queue, 'UTC')
  await jobs.advance(24 * 60 * 60_000)

  const reports = await jobs.enqueued(nightlyReport)
  expect(reports.map(({ tenantId }) => tenantId)).toEqual(['acme', 'globex'])
})
