import { randomUUID } from 'node:crypto'
import type { JobStore, NewJob } from '@cgk/jobs-core'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { createPostgresStore } from '../src/index.ts'
import { work } from './support/idle-worker.ts'
import { testPlace, type TestPlace } from './support/test-place.ts'

vi.setConfig({ hookTimeout: 120_000, testTimeout: 60_000 })

const PATIENCE = { timeout: 20_000 }

const openPlace = testPlace('local')

describe.each([
  { how: 'behind', schema: 'claim_behind', idOf: () => ({ jobId: randomUUID() }) },
  // Of those that have no id of their own, and come to a queue at rest.
  { how: 'with', schema: 'claim_with', idOf: () => ({}) },
])('a claim that is made $how an enqueue', ({ schema, idOf }) => {
  function newJob(queue: string): NewJob {
    return { queue, tenantId: null, name: 'work', payload: '1', priority: 0, ...idOf() }
  }

  function open({ options }: TestPlace): JobStore {
    const store = createPostgresStore({ ...options, schema })
    onTestFinished(() => store.close())
    return store
  }

  /** What another process hears, once it does. */
  async function hear(place: TestPlace, sender: JobStore): Promise<(string | null)[]> {
    const heard: (string | null)[] = []
    await sender.ping!()
    open(place).subscribe!(({ queue }) => heard.push(queue))
    await vi.waitFor(async () => {
      await sender.enqueue([newJob('begin')])
      expect(heard).toContain('begin')
    }, PATIENCE)
    return heard
  }

  async function untilHeard(heard: readonly (string | null)[], sender: JobStore): Promise<void> {
    await sender.enqueue([newJob('end')])
    await vi.waitFor(() => expect(heard).toContain('end'))
  }

  test('a worker takes a job of its own process with one claim, of which no other hears', async () => {
    const place = await openPlace()
    const store = open(place)
    const heard = await hear(place, store)
    const claims = work(store, 'near')

    const [result] = await store.enqueue([newJob('near')])
    expect(claims).toHaveLength(1)
    const { jobs } = await claims[0]!
    expect(jobs).toMatchObject([{ id: result?.status === 'enqueued' ? result.id : '' }])
    await untilHeard(heard, store)
    expect(heard).not.toContain('near')
  })

  test('others hear of a job that its own process leaves to them', async () => {
    const place = await openPlace()
    const store = open(place)
    const heard = await hear(place, store)

    // Who listens has no room.
    store.subscribe!(() => {})
    await store.enqueue([newJob('no room')])
    await vi.waitFor(() => expect(heard).toContain('no room'))

    const other = open(place)
    await other.enqueue([newJob('too many'), newJob('too many')])
    await vi.waitFor(() => expect(heard).toContain('too many'), PATIENCE)
    heard.length = 0
    const claims = work(store, 'too many', { slots: 1 })
    await store.enqueue([newJob('too many')])
    expect((await claims[0])?.jobs).toHaveLength(1)
    await vi.waitFor(() => expect(heard).toContain('too many'), PATIENCE)
  })

  test('others hear of a job that its own process failed to claim', async () => {
    const place = await openPlace()
    const store = open(place)
    const heard = await hear(place, store)
    const claims = work(store, 'failed', {}, AbortSignal.abort(new Error('not now')))

    await store.enqueue([newJob('failed')])
    await expect(claims[0]).rejects.toThrow()
    await vi.waitFor(() => expect(heard).toContain('failed'))
  })

  test('who listens beside the worker that claimed hears of a job that it left', async () => {
    const store = open(await openPlace())
    await store.ping!()
    const request = { queue: 'beside', prefetch: 0, leaseMs: 60_000, worker: 'w' }
    store.subscribe!((wakeUp) => {
      if (wakeUp.queue === 'beside') void store.claim({ ...request, slots: 1, suspects: true })
    })
    const claims = work(store, 'beside')

    await store.enqueue([newJob('beside')])
    // The first claim was made before the job was there.
    await vi.waitFor(async () => {
      const found = await Promise.all(claims)
      expect(found.flatMap(({ jobs }) => jobs)).toHaveLength(1)
    })
  })
})
