import { defineJob, type JobHandler, type JobQueue } from '@cgk/jobs-core'
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

const succeeding: JobHandler = () => ({ success: true })
const REPORT = 'there is no handler for this job name; its jobs are given back and wait'

test('a job whose name nobody here knows is given back with a growing delay and never failed', async () => {
  const { id } = await queue.enqueue('deployed-tomorrow', {}, { maxAttempts: 1 })
  const told: string[] = []
  process.start({
    queue,
    onError: () => told.push('onError'),
    onFailed: () => told.push('onFailed'),
  })
  const delays: number[] = []
  for (let release = 1; release <= 9; release++) {
    await time.settle()
    const job = (await queue.getJob(id))!
    expect(job).toMatchObject({ status: 'scheduled', attempts: 0, releases: release })
    const delay = job.scheduledAt.getTime() - time.clock.now()
    delays.push(delay)
    await time.advance(delay)
  }
  expect(delays).toEqual([1000, 2000, 4000, 8000, 16_000, 32_000, 60_000, 60_000, 60_000])
  expect(told).toEqual([])
})

test('it is reported once per name', async () => {
  for (const name of ['a', 'b', 'a', 'b', 'a']) await queue.enqueue(name, {})
  process.start({ queue })
  await time.advance(60_000)
  expect(process.log).toEqual([
    { level: 'warn', message: REPORT, fields: { name: 'a' } },
    { level: 'warn', message: REPORT, fields: { name: 'b' } },
  ])
})

test('it takes no slot: known jobs run beside any number of unknown ones', async () => {
  await queue.enqueueMany([
    ...Array.from({ length: 500 }, () => ({ job: 'unknown', payload: {} })),
    { job: 'known', payload: {} },
  ])
  process.start({ queue, handlers: new Map([['known', succeeding]]), maxConcurrency: 1 })
  await time.settle()
  expect(await queue.counts()).toMatchObject({ completed: 1, scheduled: 500 })
})

test('a worker that knows the name runs it', async () => {
  const { id } = await queue.enqueue('new', {})
  process.start({ queue })
  await time.settle()
  const newer = new SimulatedProcess(time, queue.store)
  newer.start({ queue: newer.queue(), handlers: new Map([['new', succeeding]]) })
  await time.advance(60_000)
  expect(await queue.getJob(id)).toMatchObject({ status: 'completed', attempts: 1 })
})

test('a handler registered while the processor runs takes its jobs', async () => {
  const definition = defineJob({ name: 'defined', handler: succeeding })
  await queue.enqueue('late', {})
  await queue.enqueue('defined', {})
  const processor = process.start({ queue })
  await time.settle()
  processor.registerHandler('late', succeeding)
  processor.registerJob(definition)
  await time.advance(1_000)
  expect(await queue.counts()).toMatchObject({ completed: 2 })
})

test('a handler registered again replaces the one before', async () => {
  const processor = process.start({ queue, handlers: new Map([['job', succeeding]]) })
  processor.registerHandler('job', () => ({ success: true, data: 'second' }))
  const { id } = await queue.enqueue('job', {})
  await time.settle()
  expect(await queue.getJob(id)).toMatchObject({ result: 'second' })
})
