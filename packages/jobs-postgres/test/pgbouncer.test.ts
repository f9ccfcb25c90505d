import {
  createJobQueue,
  createRuntime,
  type JobQueue,
  type JobStore,
  processJobs,
} from '@cgk/jobs-core'
import type { PostgresOptions } from '@cgk/db'
import { describeJobStore } from '@cgk/jobs-conformance'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { createPostgresStore, type PostgresStoreOptions } from '../src/index.ts'
import { postgresHarness } from './support/postgres-harness.ts'
import { testPlace } from './support/test-place.ts'

describeJobStore('pooled postgres', postgresHarness('pooled', { largestBacklog: 20_000 }), {
  model: { runs: 5 },
  timeoutMs: 600_000,
})

describe('a worker behind a pooler', () => {
  const openPlace = testPlace('pooled')
  let stack = new AsyncDisposableStack()
  afterEach(async () => {
    await stack.disposeAsync()
    stack = new AsyncDisposableStack()
  })

  function open(options: PostgresStoreOptions): JobStore {
    const store = createPostgresStore(options)
    stack.defer(() => store.close())
    return store
  }

  /** A queue of a process of its own. */
  function queueOn(store: JobStore): JobQueue {
    return createJobQueue({ name: 'pooled', store, runtime: createRuntime() })
  }

  /** The payloads that a worker handled, which looks for jobs every `pollInterval`. */
  function work(store: JobStore, pollInterval: number): unknown[] {
    const handled: unknown[] = []
    const processor = processJobs({ queue: queueOn(store), pollInterval })
    processor.registerHandler('work', async ({ payload }) => {
      handled.push(payload)
      return { success: true }
    })
    stack.defer(() => processor.stop())
    processor.start()
    return handled
  }

  test('with a direct URL hears of new jobs at once', async () => {
    const { options } = await openPlace()
    const handled = work(open(options), 3_600_000)
    const producer = queueOn(open(options))
    let job = 0
    // It may not listen yet.
    await vi.waitFor(async () => {
      await producer.enqueue('work', (job += 1))
      expect(handled).not.toEqual([])
    }, 20_000)
    await vi.waitFor(() => expect(handled).toHaveLength(job), 20_000)
    const latencies: number[] = []
    for (let n = 0; n < 5; n += 1) {
      const begun = performance.now()
      await producer.enqueue('work', (job += 1))
      await vi.waitFor(() => expect(handled).toHaveLength(job), { timeout: 20_000, interval: 5 })
      latencies.push(performance.now() - begun)
    }
    expect(Math.min(...latencies)).toBeLessThan(500)
  })

  test('without one finds them when it looks, and listens nowhere', async () => {
    const { options, db } = await openPlace()
    const { directUrl: _, ...pooled } = options as PostgresOptions
    const handled = work(open({ ...pooled, applicationName: 'polling' }), 20)
    const producer = queueOn(open(pooled))
    for (let n = 0; n < 5; n += 1) {
      await producer.enqueue('work', n)
      await vi.waitFor(() => expect(handled).toContain(n), 20_000)
    }
    const listening = `select from pg_stat_activity where application_name = 'polling' and query ilike 'listen%'`
    expect(await db.query(listening)).toEqual([])
  })
})
