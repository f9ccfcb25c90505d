import { complete, type JobStore, type NewJob } from '@cgk/jobs-core'
import { expect, onTestFinished, test, vi } from 'vitest'
import { createPostgresStore } from '../src/index.ts'
import { testPlace } from './support/test-place.ts'

vi.setConfig({ hookTimeout: 120_000, testTimeout: 60_000 })

const openPlace = testPlace('local')

const SEEDS = [1, 2, 3, 4]
const STEPS = 150

test.each(SEEDS)(
  'what is claimed as it comes has its turn as in a lane (seed %i)',
  async (seed) => {
    const { options } = await openPlace()
    const store = createPostgresStore({ ...options, schema: 'claim_arrivals' })
    onTestFinished(() => store.close())
    // Where something was said of a tenant, all that comes stands in lanes first.
    await store.setLimits([
      {
        scope: { queue: `lanes ${seed}`, tenantId: 'nobody' },
        source: 'operator',
        limits: { weight: 2 },
      },
    ])

    const [atOnce, inLanes] = [`at once ${seed}`, `lanes ${seed}`].map((queue) =>
      claims(store, queue, random(seed)),
    )
    for (let step = 0; step < STEPS; step += 1) {
      const expected = await inLanes!.next()
      expect(await atOnce!.next(), `step ${step}`).toEqual(expected)
    }
  },
)

test('what comes in more parts than are read at once is claimed once', async () => {
  const { options } = await openPlace()
  const store = createPostgresStore({ ...options, schema: 'claim_arrivals' })
  onTestFinished(() => store.close())
  const queue = 'many parts'
  const jobs = Array.from({ length: 10_000 }, (_, n): NewJob => ({
    queue,
    tenantId: `tenant ${n}`,
    name: 'work',
    payload: '1',
    priority: 0,
  }))
  await store.enqueue(jobs)
  const request = { queue, slots: 20_000, prefetch: 0, leaseMs: 600_000, worker: 'w' }
  const first = await store.claim({ ...request, suspects: false })
  const second = await store.claim({ ...request, suspects: false })
  expect(first.jobs).toHaveLength(10_000)
  expect(second.jobs).toHaveLength(0)
})

/** What each claim takes while jobs of some tenants come, now fewer and now more than are claimed. */
async function* claims(
  store: JobStore,
  queue: string,
  draw: (below: number) => number,
): AsyncGenerator<readonly string[], never> {
  let order = 0
  for (;;) {
    for (let call = draw(4); call > 0; call -= 1) {
      const jobs = Array.from({ length: 1 + draw(3) }, (): NewJob => {
        order += 1
        return {
          queue,
          tenantId: `tenant ${draw(5)}`,
          name: 'work',
          payload: `${order}`,
          priority: draw(8) === 0 ? 1 : 0,
        }
      })
      await store.enqueue(jobs)
    }
    const { jobs } = await store.claim({
      queue,
      slots: 1 + draw(12),
      prefetch: draw(3),
      leaseMs: 600_000,
      worker: 'w',
      suspects: false,
    })
    await store.settle({ settlements: jobs.map((job) => complete(job, '1')) })
    yield jobs.map((job) => job.payload)
  }
}

/** The same numbers for the same seed. Source: Park and Miller's minimal standard generator. */
function random(seed: number): (below: number) => number {
  let state = seed
  return (below) => {
    state = (state * 48_271) % 2_147_483_647
    return state % below
  }
}
