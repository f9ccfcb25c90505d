import type { NewJob } from '@cgk/jobs-core'
import { createTestRedisInstance, type RedisInstance } from '@cgk/test-servers'
import { createClient } from '@redis/client'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { createRedisStore } from '../src/index.ts'

// Servers and connections take their time where many tests run at once.
vi.setConfig({ testTimeout: 60_000 })

const JOBS = 20_000
const CALL = 1_000
const PAYLOAD = JSON.stringify({ invoice: 12_345, text: 'x'.repeat(100) })

let instance: RedisInstance
beforeAll(async () => {
  instance = await createTestRedisInstance((reason) => {
    throw new Error(reason)
  })
}, 600_000)
afterAll(() => instance[Symbol.asyncDispose]())

async function usedMemory(): Promise<number> {
  const client = await createClient({ url: instance.url }).connect()
  const info = await client.info('memory')
  client.destroy()
  return Number(/used_memory:(\d+)/.exec(info)?.[1])
}

/** What a waiting job takes of the server beside its payload, in bytes. */
async function bytesPerJob(prefix: string, jobOf: (n: number) => NewJob): Promise<number> {
  const store = createRedisStore({ url: instance.url, prefix })
  await store.enqueue([jobOf(JOBS)])
  const before = await usedMemory()
  for (let from = 0; from < JOBS; from += CALL) {
    await store.enqueue(Array.from({ length: CALL }, (_, n) => jobOf(from + n)))
  }
  const after = await usedMemory()
  await store.close()
  return (after - before) / JOBS - PAYLOAD.length
}

function newJob(tenantId: string): NewJob {
  return { queue: 'orders', tenantId, name: 'send-invoice', payload: PAYLOAD, priority: 0 }
}

test('a waiting job of one tenant takes at most 120 bytes beside its payload', async () => {
  expect(await bytesPerJob('one', () => newJob('acme'))).toBeLessThan(120)
})

test('a waiting job with a tenant of its own takes at most 450 bytes beside its payload', async () => {
  expect(await bytesPerJob('each', (n) => newJob(`tenant-${n}`))).toBeLessThan(450)
})
