import { createTestDatabase } from '@cgk/test-servers'
import { connectPostgres } from '@cgk/db'
import type { JobRecord } from '@cgk/jobs-core'
import { describe, expect, test, vi } from 'vitest'
import { createPostgresStore } from '../../src/index.ts'
import { PATIENCE, recordsOf, untilIdle } from './support/jobs.ts'
import { Producer } from './support/producer.ts'
import { WorkerProcess } from './support/worker-process.ts'

vi.setConfig({ testTimeout: 60_000 })

describe('a worker that is killed under load', () => {
  test('costs its own jobs one lease each, which others then run; no job is lost, none runs twice', async () => {
    await using database = await createTestDatabase('local')
    const options = { url: database.url }
    const store = createPostgresStore(options)
    await store.ping()
    // More than one worker can do, so that both have their hands full.
    const producer = new Producer(store, { ms: 70 })
    await using killed = new WorkerProcess({ name: 'killed', store: options, maxConcurrency: 8 })
    await using other = new WorkerProcess({ name: 'other', store: options, maxConcurrency: 8 })
    await vi.waitFor(() => {
      expect(Math.min(killed.begun.length, other.begun.length)).toBeGreaterThan(100)
    }, PATIENCE)

    // Stopped first, to see that it holds jobs.
    await vi.waitFor(async () => {
      killed.signal('SIGSTOP')
      const last = await recordsOf(store, killed.begun.slice(-20))
      if (last.some((record) => record?.state === 'running')) return
      killed.signal('SIGCONT')
      throw new Error('it held nothing')
    }, PATIENCE)
    await killed.kill()
    const before = other.begun.length
    await vi.waitFor(() => expect(other.begun.length).toBeGreaterThan(before + 100), PATIENCE)
    await producer.stop()
    await untilIdle(store)

    const records = await recordsOf(store, producer.acknowledged)
    await store.close()
    expect(records.filter((record) => record?.state !== 'completed')).toEqual([])
    const done = records as readonly JobRecord[]
    const suspects = done.filter(({ lostLeases }) => lostLeases > 0)
    // It held something, each of which was lost once, costs no attempt, and was then done by the other.
    expect(suspects.length).toBeGreaterThan(0)
    expect(
      suspects.map(({ lostLeases, attempts, result }) => [lostLeases, attempts, result]),
    ).toEqual(suspects.map(() => [1, 1, '{"by":"other"}']))
    const begun = [...killed.begun, ...other.begun]
    const twice = new Set(begun.filter((id, index) => begun.indexOf(id) !== index))
    const isSuspect = new Set(suspects.map(({ id }) => id))
    expect([...twice].filter((id) => !isSuspect.has(id))).toEqual([])
    expect(begun.length - twice.size).toBe(done.length)
  })

  test('has committed with a job what its handler wrote, or nothing of it', async () => {
    await using database = await createTestDatabase('local')
    await using db = connectPostgres({ url: database.url })
    await db.query('create table payment (job text, attempt int)')
    const options = { url: database.url }
    const store = createPostgresStore(options)
    await store.ping()
    const producer = new Producer(store, { name: 'pay', ms: 1 })
    await using other = new WorkerProcess({ name: 'other', store: options, maxConcurrency: 4 })
    for (let round = 0; round < 3; round += 1) {
      await using killed = new WorkerProcess({ name: 'killed', store: options, maxConcurrency: 4 })
      await vi.waitFor(() => expect(killed.begun.length).toBeGreaterThan(20), PATIENCE)
      await killed.kill()
    }
    await producer.stop()
    await untilIdle(store)
    const records = await recordsOf(store, producer.acknowledged)
    await store.close()

    expect(records.filter((record) => record?.state !== 'completed')).toEqual([])
    const paid = await db.query('select job, count(*)::int as times from payment group by job')
    expect(paid.filter(({ times }) => times !== 1)).toEqual([])
    expect(paid).toHaveLength(producer.acknowledged.length)
    expect(other.isRunning).toBe(true)
  })
})
