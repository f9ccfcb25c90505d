import { expect, test } from 'vitest'
import { idempotencyKey } from '../../src/processor/idempotency-key.ts'

const job = { queue: 'default', tenantId: 'acme', id: 'job' }

test('is readable as long as it fits into 255 characters', async () => {
  expect(await idempotencyKey(job, 'charge card')).toBe('default/acme/job/charge%20card')
  const fits = 'x'.repeat(255 - 'default/acme/job/'.length)
  expect(await idempotencyKey(job, fits)).toBe(`default/acme/job/${fits}`)
  expect(await idempotencyKey(job, `${fits}x`)).toMatch(/^[0-9a-f]{64}$/)
})

test('of a text that is too long is its SHA-256, the same everywhere and for ever', async () => {
  // printf 'default/acme/job/%0300d' 0 | sha256sum
  expect(await idempotencyKey(job, '0'.repeat(300))).toBe(
    '3c130e544e10c9ffcb723ed77393f42d34c06969560fa6b389b939f3496543c7',
  )
})

test('tells a job without a tenant from one with', async () => {
  expect(await idempotencyKey({ ...job, tenantId: null }, 'a')).toBe('default//job/a')
})
