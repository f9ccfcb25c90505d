import { currentTenant } from '@cgk/core'
import { type JobQueue, PermanentError } from '@cgk/jobs-core'
import { beforeEach, expect, test } from 'vitest'
import { ManualTime } from './manual-time.ts'
import { SimulatedProcess } from './simulated-process.ts'

let time: ManualTime
let process: SimulatedProcess
let queue: JobQueue

beforeEach(() => {
  time = new ManualTime()
  process = new SimulatedProcess(time)
  queue = process.queue()
})

const handlers = new Map([
  ['succeed', () => ({ success: true as const, data: 'done' })],
  [
    'fail',
    () => {
      throw new PermanentError('never again')
    },
  ],
])

test('a callback is called once its outcome is stored', async () => {
  const seen: unknown[] = []
  const look = async (callback: string, id: string): Promise<void> => {
    seen.push([callback, (await queue.getJob(id))?.status])
  }
  process.start({
    queue,
    handlers,
    onComplete: ({ id }) => look('onComplete', id),
    onError: ({ id }) => look('onError', id),
    onFailed: ({ id }) => look('onFailed', id),
  })
  await queue.enqueue('succeed', {})
  await time.advance(10)
  await queue.enqueue('fail', {})
  await time.advance(10)

  expect(seen).toEqual([
    ['onComplete', 'completed'],
    ['onError', 'failed'],
    ['onFailed', 'failed'],
  ])
})

test.each([
  ['throws', () => Promise.reject(new Error('the callback failed'))],
  [
    'throws at once',
    () => {
      throw new Error('the callback failed')
    },
  ],
])('a callback that %s changes no outcome and is reported', async (_how, callback) => {
  process.start({ queue, handlers, onComplete: callback, onError: callback, onFailed: callback })
  await queue.enqueue('succeed', {})
  await queue.enqueue('fail', {})
  await time.advance(10)

  expect(await queue.counts()).toMatchObject({ completed: 1, failed: 1, retrying: 0 })
  expect(process.messages).toEqual(
    expect.arrayContaining([
      expect.stringMatching(/^onComplete threw/),
      expect.stringMatching(/^onError threw/),
      expect.stringMatching(/^onFailed threw/),
    ]),
  )
})

test('a callback runs in the tenant of its job', async () => {
  const tenants: unknown[] = []
  process.start({ queue, handlers, onComplete: () => tenants.push(currentTenant()) })
  await queue.enqueue('succeed', {}, { tenantId: 'acme' })
  await queue.enqueue('succeed', {})
  await time.advance(10)

  expect(tenants).toEqual(['acme', undefined])
})
