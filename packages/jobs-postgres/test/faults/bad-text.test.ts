import {
  createJobQueue,
  createRuntime,
  defineJob,
  type JobOptions,
  type JobQueue,
  type JobStore,
  processJobs,
} from '@cgk/jobs-core'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { createPostgresStore } from '../../src/index.ts'
import { testPlace, type PlaceKind } from '../support/test-place.ts'

vi.setConfig({ testTimeout: 60_000, hookTimeout: 120_000 })

const SILENT = { warn() {}, error() {} }

/** Concurrency keys need a definition. */
const keyed = defineJob({
  name: 'keyed',
  concurrencyLimit: 1,
  handler: async () => ({ success: true }),
})

/** Neither is in what Postgres takes for text. */
const BAD = ['a\0b', 'a\ud800b', '\udc00']

const FIELDS: readonly [string, (text: string) => { payload?: unknown; options?: JobOptions }][] = [
  ['a payload', (text) => ({ payload: { deep: [text] } })],
  ['a key of a payload', (text) => ({ payload: { [text]: 1 } })],
  ['metadata', (text) => ({ options: { metadata: { from: text } } })],
  ['a header', (text) => ({ options: { headers: { from: text } } })],
  ['a tenant', (text) => ({ options: { tenantId: text } })],
  ['a job id', (text) => ({ options: { jobId: text } })],
  ['a unique key', (text) => ({ options: { uniqueKey: text } })],
  ['an ordering key', (text) => ({ options: { orderingKey: text } })],
  ['a concurrency key', (text) => ({ options: { concurrencyKey: text } })],
  ['a limiter', (text) => ({ options: { limiter: text } })],
]

/** What SQL, arrays, JSON or patterns could take for something else than text. */
const ODD = [
  'NULL',
  '{}',
  '{"a","b"}',
  '"',
  '\\',
  '\\u0000',
  '\\x00',
  "'; drop schema jobs cascade; --",
  'a,b',
  ' a ',
  '%_',
  '$1',
  '\u00a0\u2028\ufeff\ufffe\uffff',
  'é\u0301',
  '😀\u{10ffff}',
]

describe.each<PlaceKind>(['local', 'pglite'])('text on %s', (kind) => {
  const openPlace = testPlace(kind)
  let stack: AsyncDisposableStack
  let store: JobStore
  let queue: JobQueue
  let queues = 0

  beforeEach(async () => {
    stack = new AsyncDisposableStack()
    const { db } = await openPlace()
    store = createPostgresStore({ db })
    stack.defer(() => store.close())
    const runtime = createRuntime(undefined, SILENT)
    queue = createJobQueue({ name: `texts-${++queues}`, store, runtime, pollInterval: 50 })
  })
  afterEach(() => stack.disposeAsync())

  test.each(FIELDS)(
    'that it cannot hold is refused in %s, and nothing beside it',
    async (_, fieldsOf) => {
      const enqueue = async (text: string): Promise<unknown> => {
        const { payload = 1, options = {} } = fieldsOf(text)
        return options.concurrencyKey === undefined
          ? queue.enqueue('work', payload, options)
          : queue.enqueue(keyed, {}, options)
      }
      const calls = await Promise.allSettled(['good', ...BAD, 'well'].map(enqueue))
      expect(calls.map(({ status }) => status)).toEqual([
        'fulfilled',
        ...BAD.map(() => 'rejected'),
        'fulfilled',
      ])
      for (const call of calls.slice(1, -1)) {
        expect(call).toMatchObject({
          reason: {
            code: expect.stringMatching(/^JOBS_(VALUE|INVALID)_/) as string,
            retryable: false,
          },
        })
      }
      expect(await queue.counts()).toMatchObject({ pending: 2 })
    },
  )

  test.each(ODD)('%j comes back as it was, wherever it stands', async (text) => {
    const { id } = await queue.enqueue(
      text,
      { [text]: [text] },
      {
        jobId: text,
        uniqueKey: text,
        orderingKey: text,
        limiter: text,
        metadata: { [text]: text },
        headers: { from: text },
      },
    )
    expect(id).toBe(text)
    const again = await queue.enqueue(text, { [text]: [text] }, { jobId: text })
    expect(again).toMatchObject({ id: text, payload: { [text]: [text] } })

    const processor = processJobs({ queue, logger: SILENT })
    processor.registerHandler(text, async (job, context) => {
      context.log(text)
      context.progress({ [text]: text })
      const remembered = await context.once('effect', async () => text)
      return { success: true, data: [job.payload, remembered] }
    })
    stack.defer(() => processor.stop())
    processor.start()
    expect(await queue.waitFor(text)).toEqual([{ [text]: [text] }, text])
    expect(await queue.getJob(text)).toMatchObject({
      id: text,
      name: text,
      metadata: { [text]: text },
      headers: { from: text },
      limiter: text,
      progress: { [text]: text },
      log: [text],
    })
  })

  test('that handlers throw, log or report is stored as far as it can be', async () => {
    const processor = processJobs({ queue, logger: SILENT })
    processor.registerHandler('work', async (_, context) => {
      context.log(BAD.join())
      throw Object.assign(new Error(BAD.join()), { code: BAD.join() })
    })
    stack.defer(() => processor.stop())
    const { id } = await queue.enqueue('work', 1, { maxAttempts: 1 })
    processor.start()
    await expect(queue.waitFor(id)).rejects.toThrow()
    const job = await queue.getJob(id)
    expect(job).toMatchObject({ status: 'failed', attempts: 1 })
    expect(job!.log).toHaveLength(1)
  })
})
