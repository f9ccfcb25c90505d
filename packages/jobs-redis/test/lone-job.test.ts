import { type JobStore, type NewJob, parseJobId } from '@cgk/jobs-core'
import { beforeEach, expect, test, vi } from 'vitest'
import { ClockedStores } from './clocked-stores.ts'

// Servers and connections take their time where many tests run at once.
vi.setConfig({ testTimeout: 60_000 })

const QUEUE = 'orders'
const CLAIM = {
  queue: QUEUE,
  slots: 10,
  prefetch: 0,
  leaseMs: 30_000,
  worker: 'w',
  suspects: false,
}

const stores = new ClockedStores()
let prefix: string
let store: JobStore
beforeEach(() => {
  prefix = stores.newPrefix()
  store = stores.open(prefix)
})

async function enqueue(name: string, more: Partial<NewJob> = {}) {
  const job = { queue: QUEUE, tenantId: 't', name, payload: '{}', priority: 0, ...more }
  const [result] = await store.enqueue([job])
  return result!
}

async function claimedNames(): Promise<string[]> {
  const { jobs } = await store.claim(CLAIM)
  return jobs.map(({ name }) => name)
}

test('what came due before a job that comes alone is before it', async () => {
  await enqueue('first')
  await enqueue('delayed', { delayMs: 1_000 })
  stores.now += 2_000
  await enqueue('alone')
  expect(await claimedNames()).toEqual(['first', 'delayed', 'alone'])
})

test('a job that comes alone has an id of its own where somebody guessed that of the next', async () => {
  const before = await enqueue('first')
  const id = before.status === 'enqueued' ? before.id : ''
  const next = `${id.slice(0, -10)}${(Number(`0x${id.slice(-10)}`) + 2).toString(16).padStart(10, '0')}`
  expect(parseJobId(next)).not.toBeNull()
  await enqueue('guessed', { jobId: next })
  expect(await enqueue('alone')).not.toMatchObject({ id: next })
})

test('a job that comes alone is hinted at where somebody was told to rest since the last hint', async () => {
  const heard: (string | null)[] = []
  stores.open(prefix).subscribe!(({ queue }) => heard.push(queue))
  await expect.poll(() => heard, { timeout: 10_000 }).toContain(null)
  let marks = 0
  /** How often the queue was hinted at because of a job: hints come in the order in which they were given. */
  const hintsOf = async (name: string): Promise<number> => {
    heard.splice(0)
    await enqueue(name)
    const queue = `mark-${marks++}`
    await store.enqueue([{ queue, tenantId: 't', name: 'mark', payload: '{}', priority: 0 }])
    await expect.poll(() => heard, { timeout: 10_000 }).toContain(queue)
    return heard.filter((of) => of === QUEUE).length
  }
  await enqueue('first')
  await enqueue('second')
  expect(await claimedNames()).toEqual(['first', 'second'])
  expect(await hintsOf('third')).toBe(1)
  expect(await hintsOf('fourth')).toBe(0)
  const [third] = (await store.claim({ ...CLAIM, slots: 1 })).jobs
  // More waits, so that it was told to come again at once.
  expect(await hintsOf('fifth')).toBe(0)
  expect(third?.name).toBe('third')
  expect(await claimedNames()).toEqual(['fourth', 'fifth'])
  expect(await claimedNames()).toEqual([])
  expect(await hintsOf('sixth')).toBe(1)
  stores.now += 99
  expect(await hintsOf('seventh')).toBe(0)
  // The hint may have been lost.
  stores.now += 1
  expect(await hintsOf('eighth')).toBe(1)
})
