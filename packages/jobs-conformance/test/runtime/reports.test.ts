import type { AttemptContext, AttemptReport, JobHandler, JobQueue } from '@cgk/jobs-core'
import { createMemoryStore } from '@cgk/jobs-memory'
import { beforeEach, describe, expect, test } from 'vitest'
import { ManualTime } from './manual-time.ts'
import { SimulatedProcess } from './simulated-process.ts'
import { listeningStore, faultyStore } from './store-with.ts'

let time: ManualTime
let process: SimulatedProcess
let queue: JobQueue

beforeEach(() => {
  time = new ManualTime()
  process = new SimulatedProcess(time)
  queue = process.queue()
})

/** Starts one job and hands out its context; `end` lets the handler return. */
async function startOne(): Promise<{
  readonly id: string
  readonly context: AttemptContext
  readonly end: () => void
}> {
  const { id } = await queue.enqueue('job', {})
  const gate = Promise.withResolvers<void>()
  let context: AttemptContext | undefined
  const handler: JobHandler = async (_job, given) => {
    context = given
    await gate.promise
    return { success: true }
  }
  process.start({ queue, handlers: new Map([['job', handler]]) })
  await time.settle()
  return { id, context: context!, end: gate.resolve }
}

describe('progress and log lines', () => {
  test('can be read while the attempt runs, before its outcome', async () => {
    const { id, context, end } = await startOne()
    context.progress({ percent: 10 })
    context.log('first line')
    await time.settle()
    expect(await queue.getJob(id)).toMatchObject({
      status: 'running',
      progress: { percent: 10 },
      log: ['first line'],
    })
    context.progress({ percent: 20 })
    context.log('second line')
    await time.settle()
    expect(await queue.getJob(id)).toMatchObject({
      progress: { percent: 20 },
      log: ['first line', 'second line'],
    })
    end()
    await time.settle()
    expect(await queue.getJob(id)).toMatchObject({
      status: 'completed',
      progress: { percent: 20 },
      log: ['first line', 'second line'],
    })
  })

  test('said just before the end are stored before the outcome', async () => {
    const handler: JobHandler = (_job, { progress, log }) => {
      progress(100)
      log('done')
      return { success: true }
    }
    const { id } = await queue.enqueue('job', {})
    const seen: unknown[] = []
    process.start({
      queue,
      handlers: new Map([['job', handler]]),
      onComplete: async () => {
        const { progress, log } = (await queue.getJob(id))!
        seen.push(progress, log)
      },
    })
    await time.settle()
    expect(seen).toEqual([100, ['done']])
  })

  test('said at whatever moment between two batches are stored', async () => {
    // Which microtask a report falls into must not matter.
    for (let turns = 0; turns < 12; turns++) {
      process = new SimulatedProcess(time)
      queue = process.queue()
      const { id, context, end } = await startOne()
      context.log('first')
      for (let turn = 0; turn < turns; turn++) await Promise.resolve()
      context.log('second')
      await time.settle()
      expect((await queue.getJob(id))!.log, `after ${turns} turns`).toEqual(['first', 'second'])
      end()
      await time.settle()
    }
  })

  test('said once the attempt is over are dropped, and not even sent', async () => {
    const { store, requests } = listeningStore(createMemoryStore({ clock: time.clock }))
    process = new SimulatedProcess(time, store)
    queue = process.queue()
    const { id, context, end } = await startOne()
    end()
    await time.settle()
    context.progress('late')
    context.log('late')
    await time.settle()
    const job = await queue.getJob(id)
    expect(job).not.toHaveProperty('progress')
    expect(job).not.toHaveProperty('log')
    expect(requests('report')).toEqual([])
  })

  test('are bounded: the newest 100 lines of at most 1,000 storable characters', async () => {
    const { id, context } = await startOne()
    for (let line = 0; line < 150; line++) context.log(`line ${line}`)
    await time.settle()
    for (let line = 150; line < 250; line++) context.log(`line ${line}`)
    context.log(`\0\ud800${'x'.repeat(5_000)}`)
    context.log(7 as unknown as string)
    await time.settle()
    const { log } = (await queue.getJob(id))!
    expect(log).toHaveLength(100)
    expect(log![0]).toBe('line 152')
    expect(log![98]).toHaveLength(1_000)
    expect(log![98]).toMatch(/^\uFFFD\uFFFDx+…$/)
    expect(log![99]).toBe('7')
  })

  test('are kept over attempts and gone with the next generation', async () => {
    const handler: JobHandler = (_job, { attempt, log, progress }) => {
      log(`attempt ${attempt}`)
      progress(attempt)
      throw new Error('no')
    }
    const { id } = await queue.enqueue('job', {}, { maxAttempts: 2, retryDelay: 0 })
    process.start({ queue, handlers: new Map([['job', handler]]) })
    await time.settle()
    expect(await queue.getJob(id)).toMatchObject({
      status: 'failed',
      log: ['attempt 1', 'attempt 2'],
      progress: 2,
    })
    await queue.pause()
    const retried = await queue.retryJob(id)
    expect(retried).not.toHaveProperty('log')
    expect(retried).not.toHaveProperty('progress')
  })

  test('of many jobs travel together, and of several values only the last', async () => {
    const { store, requests } = listeningStore(createMemoryStore({ clock: time.clock }))
    process = new SimulatedProcess(time, store)
    queue = process.queue()
    const handler: JobHandler = async (_job, { progress }) => {
      for (let percent = 0; percent <= 100; percent++) progress(percent)
      await time.sleep(10)
      return { success: true }
    }
    await Promise.all(Array.from({ length: 50 }, () => queue.enqueue('job', {})))
    process.start({ queue, handlers: new Map([['job', handler]]), maxConcurrency: 50 })
    await time.settle()
    const reports = requests<AttemptReport[]>('report')
    expect(reports).toHaveLength(1)
    expect(reports[0]!.map(({ progress }) => progress)).toEqual(
      Array.from({ length: 50 }, () => '100'),
    )
  })

  test.each<[string, () => Promise<unknown>]>([
    ['refuses', () => Promise.reject(new Error('no room'))],
    ['never answers', () => new Promise(() => {})],
  ])('that the store %s are lost and said so, and cost the job nothing', async (_name, answer) => {
    const inner = createMemoryStore({ clock: time.clock })
    process = new SimulatedProcess(
      time,
      faultyStore(inner, (operation) => (operation === 'report' ? answer() : undefined)),
    )
    queue = process.queue()
    const { id, context, end } = await startOne()
    context.progress(50)
    end()
    await time.advance(1_000)
    expect(await queue.getJob(id)).toMatchObject({ status: 'completed', attempts: 1 })
    expect(process.messages).toEqual(['progress and log lines were lost'])
  })
})

describe('the attempt’s context', () => {
  test('works taken apart and passed on', async () => {
    const handler: JobHandler = async (_job, { signal, attempt, tenantId, progress, log }) => {
      const tell = { progress, log }
      tell.progress({ attempt, tenantId })
      tell.log(`aborted: ${signal.aborted}`)
      return { success: true }
    }
    const job = await queue.enqueue('job', {}, { tenantId: 'acme' })
    process.start({ queue, handlers: new Map([['job', handler]]) })
    await time.settle()
    expect(await queue.getJob(job)).toMatchObject({
      status: 'completed',
      progress: { attempt: 1, tenantId: 'acme' },
      log: ['aborted: false'],
    })
  })

  test('counts attempts from 1', async () => {
    const attempts: number[] = []
    const handler: JobHandler = (_job, { attempt }) => {
      attempts.push(attempt)
      throw new Error('no')
    }
    await queue.enqueue('job', {}, { maxAttempts: 3, retryDelay: 0 })
    process.start({ queue, handlers: new Map([['job', handler]]) })
    await time.settle()
    expect(attempts).toEqual([1, 2, 3])
  })
})
