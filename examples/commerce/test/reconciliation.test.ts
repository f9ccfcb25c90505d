import { createTestJobs } from '@cgk/jobs-memory/testing'
import { expect, it, vi } from 'vitest'
import { reconcileJob, scheduleReconciliation } from '../src/reconciliation.ts'

const HOUR = 3_600_000

function orderMirror() {
  return {
    changedOrders: vi.fn(async (_tenantId: string, _from: Date, _to: Date) => ['order_1']),
    upsert: vi.fn(async () => {}),
  }
}

it('looks back two hours, every hour, for every tenant', async () => {
  const mirror = orderMirror()
  const job = reconcileJob(mirror)
  await using shop = createTestJobs({ jobs: [job], tenants: ['acme', 'globex'] })
  await scheduleReconciliation(shop.queue, job)
  await scheduleReconciliation(shop.queue, job)
  await shop.advance(HOUR)

  const at = (hour: string) => new Date(`2026-01-05T${hour}:00:00Z`)
  const calls = mirror.changedOrders.mock.calls.filter(([, , to]) => +to === +at('10'))
  expect(calls).toEqual([
    ['acme', at('08'), at('10')],
    ['globex', at('08'), at('10')],
  ])
})

it('asks for the same hours again when a run is repeated later', async () => {
  const mirror = orderMirror()
  mirror.changedOrders.mockRejectedValueOnce(new Error('503'))
  const job = reconcileJob(mirror)
  await using shop = createTestJobs({ jobs: [job], tenants: ['acme'], at: '2026-01-05T09:30:00Z' })
  await scheduleReconciliation(shop.queue, job)
  await shop.advance(HOUR)

  const [first, second] = mirror.changedOrders.mock.calls
  expect(second).toEqual(first)
  expect(mirror.upsert.mock.calls).toEqual([['acme', ['order_1']]])
})

it('after an outage asks for the hours of the last day, one run after the other', async () => {
  const mirror = orderMirror()
  let [running, most] = [0, 0]
  mirror.changedOrders.mockImplementation(async () => {
    running += 1
    most = Math.max(most, running)
    await Promise.resolve()
    running -= 1
    return []
  })
  const job = reconcileJob(mirror)
  await using shop = createTestJobs({ jobs: [job], tenants: ['acme'], at: '2026-01-05T09:30:00Z' })
  await scheduleReconciliation(shop.queue, job)
  await shop.runUntilIdle()
  await shop.processor.stop()
  await shop.advance(48 * HOUR)
  shop.process({ jobs: [job] })
  await shop.runUntilIdle()

  const first = Date.parse('2026-01-06T10:00:00Z')
  expect(mirror.changedOrders.mock.calls.map(([, , to]) => to.getTime())).toEqual(
    Array.from({ length: 24 }, (_, index) => first + index * HOUR),
  )
  expect(most).toBe(1)
})
