import { type JobHandler, type JobQueue, type Settlement, snooze } from '@cgk/jobs-core'
import { createMemoryStore } from '@cgk/jobs-memory'
import { beforeEach, describe, expect, test } from 'vitest'
import { ManualTime } from './manual-time.ts'
import { SimulatedProcess } from './simulated-process.ts'
import { listeningStore } from './store-with.ts'

let time: ManualTime
let process: SimulatedProcess
let queue: JobQueue
let settlements: () => readonly Settlement[]

beforeEach(() => {
  time = new ManualTime()
  const { store, requests } = listeningStore(createMemoryStore({ clock: time.clock }))
  settlements = () =>
    requests<{ settlements: readonly Settlement[] }>('settle').flatMap((call) => call.settlements)
  process = new SimulatedProcess(time, store)
  queue = process.queue()
})

async function run(handler: JobHandler, headers: Record<string, string> = { trace: 't-1' }) {
  const job = await queue.enqueue('job', {}, { headers, maxAttempts: 2, retryDelay: 5_000 })
  process.start({
    queue,
    handlers: new Map<string, JobHandler>([
      ['job', handler],
      ['next', () => new Promise(() => {})],
    ]),
  })
  await time.advance(1)
  return (await queue.getJob(job))!
}

describe('context.headers', () => {
  test('are the job’s, and middleware and handler see the same', async () => {
    const processor = process.start({ queue })
    const seen: unknown[] = []
    processor.use((_job, { headers }, next) => {
      headers['by'] = 'middleware'
      return next()
    })
    processor.registerHandler('job', (_job, { headers }) => {
      seen.push({ ...headers })
      return { success: true }
    })
    await queue.enqueue('job', {}, { headers: { trace: 't-1' } })
    await time.advance(1)
    expect(seen).toEqual([{ trace: 't-1', by: 'middleware' }])
  })

  test.each<[string, JobHandler]>([
    ['completed', () => ({ success: true })],
    ['retrying', () => ({ success: false, error: { message: 'no' } })],
    ['failed', () => ({ success: false, error: { message: 'no', retryable: false } })],
    ['scheduled', () => snooze(1_000)],
  ])('are stored with the outcome: %s', async (status, outcome) => {
    const job = await run((given, context) => {
      const { headers } = context
      headers['cursor'] = '42'
      delete headers['trace']
      return outcome(given, context)
    })
    expect(job).toMatchObject({ status })
    expect(job.headers).toEqual({ cursor: '42' })
  })

  test('changed by one attempt are what the next one sees', async () => {
    const seen: unknown[] = []
    const job = await run((_job, { headers, attempt }) => {
      seen.push(headers['cursor'])
      headers['cursor'] = String(attempt)
      throw new Error('again')
    })
    await time.advance(5_000)
    expect(seen).toEqual([undefined, '1'])
    expect((await queue.getJob(job))!.headers).toEqual({ trace: 't-1', cursor: '2' })
  })

  test.each<[string, JobHandler]>([
    ['not looked at', () => ({ success: true })],
    [
      'only read',
      (_job, { headers }) => ({
        success: true,
        data: [headers['trace'], headers['toString'] ?? null],
      }),
    ],
    [
      'changed and changed back',
      (_job, { headers }) => {
        headers['x'] = 'y'
        delete headers['x']
        return { success: true }
      },
    ],
  ])('that were %s are not sent', async (_how, handler) => {
    const job = await run(handler)
    expect(job.status).toBe('completed')
    expect(settlements()).toHaveLength(1)
    expect(settlements()[0]).not.toHaveProperty('headers')
    expect(job.headers).toEqual({ trace: 't-1' })
    if (job.result !== undefined) expect(job.result).toEqual(['t-1', null])
  })

  test.each<[string, unknown]>([
    ['no string', { count: 7 }],
    ['too many', Object.fromEntries(Array.from({ length: 33 }, (_, n) => [`h${n}`, '']))],
    ['too large', { big: 'x'.repeat(9_000) }],
  ])('that break a rule (%s) fail the attempt and are not stored', async (_rule, bad) => {
    const job = await run((_job, { headers }) => {
      Object.assign(headers, bad)
      return { success: true }
    })
    expect(job.status).toBe('retrying')
    expect(job.error?.code).toMatch(/^JOBS_(INVALID_OPTION|VALUE_TOO_LARGE)$/)
    expect(job.headers).toEqual({ trace: 't-1' })
  })

  test('that break a rule do not hide why the attempt failed', async () => {
    const job = await run((_job, { headers }) => {
      Object.assign(headers, { count: 7 })
      throw new Error('the reason')
    })
    expect(job.error?.message).toBe('the reason')
    expect(job.headers).toEqual({ trace: 't-1' })
  })
})

describe('follow-ups', () => {
  async function followUp(handler: JobHandler, headers?: Record<string, string>) {
    await run(handler, headers)
    const [next] = await queue.listJobs({ name: 'next' })
    return next!
  }

  test('inherit the headers, changed ones included; their own win', async () => {
    const next = await followUp(
      (_job, { headers }) => {
        headers['trace'] = 't-2'
        return {
          success: true,
          followUps: [
            { job: 'next', payload: {}, options: { headers: { own: 'yes', a: 'mine' } } },
          ],
        }
      },
      { trace: 't-1', a: 'theirs' },
    )
    expect(next.headers).toEqual({ trace: 't-2', own: 'yes', a: 'mine' })
  })

  test('inherit headers that the handler never looked at', async () => {
    const next = await followUp(() => ({
      success: true,
      followUps: [{ job: 'next', payload: {} }],
    }))
    expect(next.headers).toEqual({ trace: 't-1' })
  })

  test('with headers that are none are refused', async () => {
    const job = await run(() => ({
      success: true,
      followUps: [{ job: 'next', payload: {}, options: { headers: 'none' as never } }],
    }))
    expect(job).toMatchObject({ status: 'retrying', error: { code: 'JOBS_INVALID_OPTION' } })
  })
})
