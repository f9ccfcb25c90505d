import type { WakeUp } from '@cgk/jobs-core'
import { createMemoryStore } from '@cgk/jobs-memory'
import { expect, test } from 'vitest'
import { ManualTime } from './manual-time.ts'
import { SimulatedProcess } from './simulated-process.ts'
import { storeWith } from './store-with.ts'

test('a worker that is told that it may have missed hints looks at all its queues at once', async () => {
  const time = new ManualTime()
  const inner = createMemoryStore({ clock: time.clock })
  const listeners: ((wakeUp: WakeUp) => void)[] = []
  const deaf = storeWith(inner, {
    subscribe(listener) {
      listeners.push(listener)
      return () => {}
    },
  })
  const process = new SimulatedProcess(time, deaf)
  const queues = ['orders', 'mails'].map((name) => process.queue({ name }))
  const handlers = new Map([['job', () => Promise.resolve({ success: true as const })]])
  for (const queue of queues) process.start({ queue, handlers, maxConcurrency: 1 })
  await time.advance(10)
  const completed = async (): Promise<readonly number[]> =>
    Promise.all(queues.map(async (queue) => (await queue.counts()).completed))
  for (const queue of queues) await queue.enqueue('job', 1)
  await time.advance(10)
  expect(await completed()).toEqual([0, 0])

  for (const listener of listeners) listener({ queue: null, reason: 'ready' })
  await time.advance(10)
  expect(await completed()).toEqual([1, 1])
})
