import { allCases, checkModel } from '@cgk/jobs-conformance'
import { createTestRedisCluster, type RedisCluster } from '@cgk/test-servers'
import { afterAll, beforeAll, describe, test } from 'vitest'
import { clusterHarness } from './redis-harness.ts'

/**
 * What holds among the tenants of a shard alone, or is about all jobs of a queue: shards have turns of their
 * own, and part the limits of their queue. With one shard a cluster has all of it.
 */
const WITH_ONE_SHARD: Readonly<Record<string, readonly string[] | 'all'>> = {
  'fair shares': 'all',
  'fair backlogs': 'all',
  'full slots': 'all',
  'concurrency limits': [
    'a queue has as many leased as its concurrency, in one claim or several',
    'a concurrency that a queue is given later counts what runs already',
    'a settlement frees the place for the claim that comes with it',
    'the concurrency of a queue is that of all its tenants together',
    'all scopes of a job have to have room',
  ],
  'hints of limits': [
    'a place that becomes free in a full queue is hinted at',
    'a limit of a queue that is raised or lifted is hinted at',
    'a rate of a queue that is raised is hinted at before it lets start',
    'a place that becomes free in a full queue is hinted at where others wait for it',
  ],
  limits: ['limits hold in their own queue alone'],
  'limits and prefetch': ['beside what is limited, what is not may be prefetched'],
  'limits listed': [
    'every scope about which something is said is listed once',
    'of one tenant its own scopes are listed',
  ],
  'rate limits': [
    'the rate of a queue lets a burst start and then one each interval',
    'a thousand in a millisecond is a rate, and one in ten days too',
    'a job that another scope keeps back spends no token',
    'the rate of a queue is that of all its tenants together',
    'a claim tells when the rate of a queue lets the next start',
  ],
  'schedule outcomes': [
    'jobs of all tenants end for the schedule that made them',
    'of two with one id each has the outcomes of its own jobs',
  ],
  'schedule overlap': ['only the jobs that were stored are counted'],
  'schedule ticks': ['a tick enqueues its jobs and moves the cursor'],
  'waiting for limits': [
    'a claim tells that only a release makes room in a full queue',
    'what was cancelled awaits no release of a full queue',
  ],
  'what limits count': [
    'an expired lease counts in its queue until it is taken back',
    'a cancelled job counts in its queue as long as a worker holds it',
    'a suspect waits for room in its queue',
    'a suspect waits for the rate of its queue, and spends of it',
  ],
}
const MODEL_RUNS = 5

let cluster: RedisCluster
beforeAll(async () => {
  cluster = await createTestRedisCluster((reason) => {
    throw new Error(reason)
  })
}, 600_000)
afterAll(() => cluster[Symbol.asyncDispose]())

const whole = clusterHarness(() => cluster, 1)
const sharded = clusterHarness(() => cluster, 3)

// Each case once, for the functions are those of one server: what is new is where calls go.
describe('redis cluster', () => {
  for (const { operation, cases } of allCases) {
    const ofOne = WITH_ONE_SHARD[operation] ?? []
    for (const storeCase of cases) {
      const { name } = storeCase
      const hasOne = ofOne === 'all' || ofOne.includes(name)
      test(`${operation}: ${name}, ${hasOne ? 'one shard' : 'three shards'}`, async ({ skip }) => {
        const reason = await storeCase.run(hasOne ? whole : sharded)
        if (reason !== null) skip(reason)
      }, 180_000)
    }
  }

  test('any run of commands does what the reference model allows, one shard', async () => {
    await checkModel(whole, { runs: MODEL_RUNS })
  }, 600_000)
})
