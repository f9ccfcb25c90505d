import {
  defineJob,
  type JobOptions,
  type JobStore,
  type LimitChanges,
  type QueueScope,
} from '@cgk/jobs-core'
import { createMemoryStore } from '@cgk/jobs-memory'
import { beforeEach, expect, test } from 'vitest'
import { ManualTime } from './manual-time.ts'
import { SimulatedProcess } from './simulated-process.ts'
import { faultyStore, storeWith } from './store-with.ts'

const JOBS = 200
const CAP = 4
const JOB_MS = 400
const ROUND_TRIP_MS = 2

let time: ManualTime
let memory: JobStore

beforeEach(() => {
  time = new ManualTime()
  memory = createMemoryStore({ clock: time.clock })
})

/**
 * A store at a distance whose hints are all lost.
 *
 * @param claimAnswerMs - how long the answers to claims are under way.
 */
function remote(claimAnswerMs = ROUND_TRIP_MS / 2): JobStore {
  const store = faultyStore(memory, async (operation, proceed) => {
    await time.sleep(ROUND_TRIP_MS / 2)
    const answer = await proceed()
    await time.sleep(operation === 'claim' ? claimAnswerMs : ROUND_TRIP_MS / 2)
    return answer
  })
  return storeWith(store, { subscribe: undefined as never })
}

interface Run {
  readonly what: string
  readonly scope: QueueScope
  readonly limits?: LimitChanges
  readonly options: { readonly tenantId: string; readonly limiter?: string }
  readonly processes?: number
  /** Reports are stored before the outcome, which makes it later than the claim for its slot. */
  readonly reports?: boolean
}

const options = { tenantId: 'acme' }

test.each<Run>([
  { what: 'of the queue', scope: {}, options },
  { what: 'of a tenant', scope: options, options },
  {
    what: 'of a limiter',
    scope: { ...options, limiter: 'a' },
    options: { ...options, limiter: 'a' },
  },
  { what: 'of a tenant, by jobs that report', scope: options, options, reports: true },
  { what: 'of a tenant, in two processes', scope: options, options, processes: 2 },
])('a cap $what is at least 95 % used, though every hint is lost', async (run) => {
  const { scope, processes = 1, reports = false } = run
  const operator = new SimulatedProcess(time, memory).queue()
  await operator.setLimits(scope, { concurrency: CAP })
  const jobs = Array.from({ length: JOBS }, () => ({
    job: 'job',
    payload: {},
    options: run.options,
  }))
  await operator.enqueueMany(jobs)
  let running = 0
  let most = 0
  let ended = 0
  for (let n = 0; n < processes; n++) {
    const process = new SimulatedProcess(time, remote())
    const queue = process.queue()
    process.start({
      queue,
      maxConcurrency: 20,
      pollInterval: 60_000,
      handlers: new Map([
        [
          'job',
          async (_job, { progress }) => {
            running += 1
            most = Math.max(most, running)
            if (reports) progress(1)
            // Not all at once.
            await time.sleep(JOB_MS - 15 + ((ended * 7) % 30))
            running -= 1
            ended += 1
            return { success: true }
          },
        ],
      ]),
    })
  }
  // Half of the time that all take where the cap is used all the time.
  await time.advance(((JOBS / CAP) * JOB_MS) / 2)
  expect(most).toBe(CAP)
  expect(ended).toBeGreaterThanOrEqual(0.95 * (JOBS / 2))
})

test.each<{ what: string; limits?: LimitChanges; options?: JobOptions }>([
  { what: 'in a cap', limits: { concurrency: 1 } },
  { what: 'for the next of its ordering key', options: { orderingKey: 'shop-1' } },
  { what: 'for the next of its concurrency key', options: { concurrencyKey: 'shop-1' } },
])(
  'a job that ends while the answer to a claim is under way makes room $what all the same',
  async ({ limits = {}, options: given = {} }) => {
    const handler = async () => {
      await time.sleep(5)
      return { success: true as const }
    }
    const job = defineJob({ name: 'job', concurrencyLimit: 1, handler })
    const operator = new SimulatedProcess(time, memory).queue({ jobs: [job] as never })
    await operator.setLimits({}, limits)
    for (let n = 0; n < 20; n++) await operator.enqueue('job', {}, given)
    const process = new SimulatedProcess(time, remote(20))
    const handlers = new Map([['job', handler]])
    process.start({ queue: process.queue(), pollInterval: 60_000, handlers })
    await time.advance(1_000)
    expect(await operator.counts()).toMatchObject({ completed: 20 })
  },
)
