import {
  createTestRedisCluster,
  createTestRedisInstance,
  type RedisInstance,
} from '@cgk/test-servers'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterAll, beforeAll, expect, test } from 'vitest'

const PACKAGE = resolve(import.meta.dirname, '..')
const JOBS = JSON.stringify(pathToFileURL(join(PACKAGE, '../jobs/src/index.ts')).href)

const PRODUCER = `
  import { createJobQueue } from ${JOBS}
  const queue = createJobQueue({ name: 'default' })
  await queue.enqueue('greet', { who: 'you' }, { tenantId: 'rawdog' })
  console.log('enqueued')
`

const WORKER = `
  import { createJobQueue, processJobs } from ${JOBS}
  const queue = createJobQueue({ name: 'default' })
  const handlers = new Map([
    ['greet', async (job) => {
      console.log('greeted', job.payload.who, 'of', job.tenantId)
      return { success: true, data: null }
    }],
  ])
  const processor = processJobs({ queue, handlers, onComplete: () => processor.stop() })
  processor.start()
`

// Of its own: the prefix that a URL opens is the one that a program of yours has.
let redis: RedisInstance
beforeAll(async () => {
  redis = await createTestRedisInstance((reason) => {
    throw new Error(reason)
  })
}, 600_000)
afterAll(() => redis[Symbol.asyncDispose]())

/** Runs a program to its end, on the store of the environment. */
async function run(
  program: string,
  url = redis.url,
): Promise<{ readonly code: unknown; readonly output: string }> {
  const child = spawn(process.execPath, ['--input-type=module', '--eval', program], {
    cwd: PACKAGE,
    env: { ...process.env, JOBS_STORE_URL: url },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let output = ''
  child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()))
  const [code] = (await once(child, 'close')) as [unknown]
  return { code, output: output.trim() }
}

test('what one process enqueues on a redis: URL another runs, and both end by themselves', async () => {
  expect(await run(PRODUCER)).toEqual({ code: 0, output: 'enqueued' })
  expect(await run(WORKER)).toEqual({ code: 0, output: 'greeted you of rawdog' })
}, 60_000)

test('so it is on a redis-cluster: URL', async ({ skip }) => {
  await using cluster = await createTestRedisCluster(skip)
  expect(await run(PRODUCER, cluster.url)).toEqual({ code: 0, output: 'enqueued' })
  expect(await run(WORKER, cluster.url)).toEqual({ code: 0, output: 'greeted you of rawdog' })
}, 60_000)
