import type { JobHandler, JobQueue } from '@cgk/jobs-core'
import { beforeEach, describe, expect, test } from 'vitest'
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

const square: JobHandler = ({ payload }) => {
  const n = Number(payload['n'])
  if (n === 3) throw new Error('not three')
  return { success: true, data: n * n }
}

const collect: JobHandler = async (_job, { members }) => {
  const seen: unknown[] = []
  for await (const { status, payload, result } of members()) {
    seen.push([payload, status, result ?? null])
  }
  return { success: true, data: seen }
}

function work(): void {
  process.start({
    queue,
    maxConcurrency: 300,
    handlers: new Map([
      ['square', square],
      ['collect', collect],
    ]),
  })
}

const squares = (count: number) =>
  Array.from({ length: count }, (_, n) => ({
    job: 'square',
    payload: { n },
    options: { maxAttempts: 1 },
  }))

describe('members', () => {
  test('are the jobs of the group with their results, the last enqueued first', async () => {
    await queue.enqueue('square', { n: 7 })
    await queue.enqueueGroup(squares(3), {
      onComplete: { job: 'collect', payload: {} },
      onAnyFailed: 'complete',
    })
    work()
    await time.advance(100)
    const [callback] = await queue.listJobs({ name: 'collect' })
    expect(callback!.result).toEqual([
      [{ n: 2 }, 'completed', 4],
      [{ n: 1 }, 'completed', 1],
      [{ n: 0 }, 'completed', 0],
    ])
  })

  test('are all of them, page by page, failed ones included, in the tenant of the group', async () => {
    await queue.enqueueGroup(squares(250), {
      tenantId: 'acme',
      onAnyFailed: { job: 'collect', payload: {} },
    })
    work()
    await time.advance(1_000)
    const [callback] = await queue.listJobs({ name: 'collect', tenantId: 'acme' })
    const seen = callback!.result as [{ n: number }, string, unknown][]
    expect(seen.map(([{ n }]) => n)).toEqual(Array.from({ length: 250 }, (_, n) => 249 - n))
    expect(seen.filter(([, status]) => status === 'failed')).toEqual([[{ n: 3 }, 'failed', null]])
  })

  test('of a nested group are reached through the result of its callback', async () => {
    const nested = (count: number) =>
      ({
        jobs: squares(count),
        onComplete: { job: 'collect', payload: { nested: count } },
        onAnyFailed: 'complete',
      }) as const
    await queue.enqueueGroup([nested(1), nested(2)], {
      onComplete: { job: 'collect', payload: {} },
      onAnyFailed: 'complete',
    })
    work()
    await time.advance(1_000)
    const callbacks = await queue.listJobs({ name: 'collect' })
    const outer = callbacks.find(({ groupId }) => groupId === undefined)
    const seen = outer!.result as [{ nested: number }, string, unknown][]
    expect(seen.toSorted(([a], [b]) => a.nested - b.nested)).toEqual([
      [{ nested: 1 }, 'completed', [[{ n: 0 }, 'completed', 0]]],
      [
        { nested: 2 },
        'completed',
        [
          [{ n: 1 }, 'completed', 1],
          [{ n: 0 }, 'completed', 0],
        ],
      ],
    ])
  })

  test('of a job that no group made are refused, at the call', async () => {
    const { id } = await queue.enqueue('ask', {}, { maxAttempts: 1 })
    process.start({
      queue,
      handlers: new Map<string, JobHandler>([
        [
          'ask',
          (_job, { members }) => {
            members()
            return { success: true }
          },
        ],
      ]),
    })
    await time.advance(10)
    expect(await queue.getJob(id)).toMatchObject({
      status: 'failed',
      error: { code: 'JOBS_INVALID_OPTION' },
    })
  })
})
