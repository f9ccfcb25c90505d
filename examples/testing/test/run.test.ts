import { PermanentError, defineJob } from '@cgk/jobs'
import { createTestJobs } from '@cgk/jobs-memory/testing'
import { expect, it } from 'vitest'
import { importOrder, sendReceipt } from '../src/shop.ts'

it('imports an order', async () => {
  await using jobs = createTestJobs()
  const result = await jobs.run(importOrder, { orderId: 'order_1', email: 'ada@example.com' })

  expect(result).toEqual({ imported: 'order_1' })
  await jobs.expectEnqueued(sendReceipt, { email: 'ada@example.com' })
})

it('does not import an order that was deleted', async () => {
  const importDeleted = defineJob({
    name: 'import-deleted',
    handler: async () => {
      throw new PermanentError('order was deleted', { code: 'ORDER_GONE' })
    },
  })
  await using jobs = createTestJobs()

  await expect(jobs.run(importDeleted, {}, { tenantId: 'acme' })).rejects.toMatchObject({
    code: 'ORDER_GONE',
  })
})
