import { defineJob } from '@cgk/jobs'
import { createTestJobs } from '@cgk/jobs-memory/testing'
import { setTimeout } from 'node:timers/promises'
import { expect, it, vi } from 'vitest'

it('asks again after 1 s, then after 2 s', async () => {
  const ask = vi.fn<() => Promise<string>>()
  ask.mockRejectedValueOnce(new Error('503')).mockRejectedValueOnce(new Error('503'))
  ask.mockResolvedValueOnce('in stock')
  const askSupplier = defineJob({
    name: 'ask-supplier',
    handler: async () => ({ success: true, data: await ask() }),
    retry: { maxAttempts: 3, backoff: 'exponential', initialDelay: 1_000 },
  })
  await using jobs = createTestJobs({ jobs: [askSupplier] })

  const job = await jobs.queue.enqueue(askSupplier, {})
  await jobs.runUntilIdle()
  expect(await jobs.queue.getJob(job)).toMatchObject({
    status: 'retrying',
    error: { message: '503' },
  })

  await jobs.advance(1_000)
  expect(ask).toHaveBeenCalledTimes(2)
  await jobs.advance(1_999)
  expect(ask).toHaveBeenCalledTimes(2)
  await jobs.advance(1)
  expect(await jobs.queue.getJob(job)).toMatchObject({ status: 'completed', result: 'in stock' })
})

it('gives a slow supplier up after 30 s', async () => {
  const askSlowly = defineJob({
    name: 'ask-slowly',
    handler: async (_job, { signal }) => {
      await setTimeout(60_000, undefined, { signal })
      return { success: true }
    },
    options: { timeout: 30_000, maxAttempts: 1 },
  })
  await using jobs = createTestJobs({ jobs: [askSlowly] })

  const job = await jobs.queue.enqueue(askSlowly, {})
  await jobs.advance(30_000, { whileRunning: true })
  expect(await jobs.queue.getJob(job)).toMatchObject({
    status: 'failed',
    error: { code: 'JOBS_ATTEMPT_TIMED_OUT' },
  })
})
