import { complete, type JobStore, type NewJob, type WakeUp } from '@cgk/jobs-core'
import { createTestRedisInstance, type RedisInstance } from '@cgk/test-servers'
import { createClient } from '@redis/client'
import { once } from 'node:events'
import { type AddressInfo, createServer, type LookupFunction, type Socket } from 'node:net'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { createRedisStore } from '../src/index.ts'
import { hintChannel } from '../src/keys.ts'
import { Load } from './load.ts'
import { SilentProxy } from './silent-proxy.ts'
import { untilDone } from './until-done.ts'
import { WorkerBeside } from './worker-beside.ts'

// Servers and connections take their time where many tests run at once.
vi.setConfig({ testTimeout: 60_000 })

const QUEUE = 'orders'
const LEASE_MS = 30_000
const KEEP_ALL = { completed: { maxCount: Infinity } }

function newJobs(count: number, name: string): NewJob[] {
  return Array.from({ length: count }, (_, n) => ({
    queue: QUEUE,
    tenantId: 'acme',
    name: 'send-invoice',
    payload: '{}',
    priority: 0,
    jobId: `${name}-${n}`,
  }))
}

function claimRequest(slots = 100) {
  return { queue: QUEUE, slots, prefetch: 0, leaseMs: LEASE_MS, worker: 'w', suspects: false }
}

let instance: RedisInstance
let stores: JobStore[] = []

async function startServer(skip: (reason: string) => never, settings = {}): Promise<void> {
  instance = await createTestRedisInstance(skip, settings)
}

function openStore(url = instance.url): JobStore {
  const store = createRedisStore({ url, prefix: 'faults' })
  stores.push(store)
  return store
}

/** For tests of a table, which cannot be skipped. */
function orFail(reason: string): never {
  throw new Error(reason)
}

/** Runs one command on the server, as its operator would. */
async function command(...args: string[]): Promise<unknown> {
  const client = createClient({ url: instance.url, socket: { reconnectStrategy: false } })
  client.on('error', () => {})
  await client.connect()
  try {
    return await client.sendCommand(args)
  } finally {
    client.destroy()
  }
}

afterEach(async () => {
  for (const store of stores) await store.close()
  stores = []
  await instance[Symbol.asyncDispose]()
})

describe('a server of the usual settings', () => {
  beforeEach(({ skip }) => startServer(skip), 600_000)

  test('whose functions and scripts were flushed is given them again, in the middle of the work', async () => {
    const store = openStore()
    await store.enqueue(newJobs(2, 'job'))
    for (const what of ['FUNCTION', 'SCRIPT']) await command(what, 'FLUSH')
    const { jobs } = await store.claim(claimRequest())
    for (const what of ['FUNCTION', 'SCRIPT']) await command(what, 'FLUSH')
    const { results } = await store.settle({ settlements: jobs.map((job) => complete(job)) })

    expect(results).toEqual(['settled', 'settled'])
  })

  test('that hangs up on every connection is called again', async () => {
    const store = openStore()
    await store.enqueue(newJobs(2, 'job'))
    await command('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes')
    const { jobs } = await untilDone(() => store.claim(claimRequest()))

    expect(jobs).toHaveLength(2)
  })

  test('that hangs up on who is owed too much has leased it to nobody, and gives smaller parts', async () => {
    const payload = JSON.stringify('x'.repeat(100_000))
    const store = openStore()
    await store.enqueue(newJobs(50, 'large').map((job) => ({ ...job, payload })))
    await command('CONFIG', 'SET', 'client-output-buffer-limit', 'normal 2mb 2mb 1')
    const refused = { code: 'JOBS_STORE_UNAVAILABLE', retryable: true }
    await expect(store.claim(claimRequest(50))).rejects.toMatchObject(refused)
    await expect
      .poll(() => untilDone(() => store.counts({ queue: QUEUE })), { timeout: 10_000 })
      .toMatchObject({ pending: 50, running: 0 })

    for (let n = 0; n < 5; n++) {
      const { jobs } = await untilDone(() => store.claim(claimRequest(10)))
      expect(jobs.map(({ attempts, lostLeases }) => [attempts, lostLeases])).toEqual(
        Array.from({ length: 10 }, () => [1, 0]),
      )
      const settlements = jobs.map((job) => complete(job))
      expect((await store.settle({ settlements })).results).toEqual(jobs.map(() => 'settled'))
    }
    expect((await store.counts({ queue: QUEUE })).completed).toBe(50)
  })

  test('that lost all its data at a restart is as good as a new one', async () => {
    const store = openStore()
    await store.enqueue(newJobs(2, 'job'))
    await instance.kill()
    await expect(store.enqueue(newJobs(1, 'down'))).rejects.toMatchObject({
      code: 'JOBS_STORE_UNAVAILABLE',
      retryable: true,
    })
    await instance.start()
    await untilDone(() => store.enqueue(newJobs(1, 'later')))
    const { jobs } = await store.claim({ ...claimRequest(), leaseMs: 1 })

    expect(jobs.map(({ id }) => id)).toEqual(['later-0'])
    // Upkeep knows of the queue although the server had forgotten it.
    await expect
      .poll(async () => (await store.maintain({ limit: 10 })).reclaimed, { timeout: 10_000 })
      .toBe(1)
  })

  test('that says nothing costs a call its deadline and not more, and then works again', async () => {
    const store = openStore()
    await store.enqueue(newJobs(2, 'job'))
    instance.pause()
    const started = performance.now()
    const call = store.counts({ queue: QUEUE }, { signal: AbortSignal.timeout(300) })
    await expect(call).rejects.toMatchObject({ code: 'JOBS_STORE_TIMEOUT', retryable: true })
    const tookMs = performance.now() - started
    instance.resume()

    expect(tookMs).toBeLessThan(2_000)
    expect((await untilDone(() => store.counts({ queue: QUEUE }))).pending).toBe(2)
  })

  test('that was silent while it was claimed from has leased nothing to nobody', async () => {
    const store = openStore()
    await store.enqueue(newJobs(5, 'job'))
    instance.pause()
    const signal = AbortSignal.timeout(200)
    const claim = store.claim(claimRequest(), { signal })
    await expect(claim).rejects.toMatchObject({ code: 'JOBS_STORE_TIMEOUT' })
    instance.resume()

    // Long before the leases would have ended, and without a trace of a lost worker.
    await expect
      .poll(() => untilDone(() => store.counts({ queue: QUEUE })), { timeout: 15_000 })
      .toMatchObject({ pending: 5, running: 0 })
    const { jobs } = await store.claim(claimRequest())
    expect(jobs.map(({ attempts, lostLeases }) => [attempts, lostLeases])).toEqual(
      Array.from({ length: 5 }, () => [1, 0]),
    )
  })

  test('that was silent while a job and its claim were sent has leased nothing to nobody', async () => {
    const store = openStore()
    const [job] = newJobs(1, 'job')
    await store.enqueue(newJobs(1, 'before'))
    using worker = new WorkerBeside(store)
    instance.pause()
    const signal = AbortSignal.timeout(200)
    const asked = { claim: claimRequest(), signal: AbortSignal.timeout(10_000) }
    const outcomes = await worker.enqueue(job!, asked, signal)
    instance.resume()

    for (const outcome of outcomes) {
      expect(outcome).toMatchObject({ status: 'rejected', reason: { retryable: true } })
    }
    await untilDone(() => store.enqueue([job!]))
    await expect
      .poll(() => untilDone(() => store.counts({ queue: QUEUE })), { timeout: 15_000 })
      .toMatchObject({ pending: 2, running: 0 })
    const { jobs } = await store.claim(claimRequest())
    expect(jobs.map(({ attempts, lostLeases }) => [attempts, lostLeases])).toEqual([
      [1, 0],
      [1, 0],
    ])
  })

  test('whose answer a worker does not wait for has stored the job, and leased it to nobody', async () => {
    const store = openStore()
    await store.enqueue(newJobs(1, 'before'))
    using worker = new WorkerBeside(store)
    instance.pause()
    const answered = worker.enqueue(newJobs(1, 'job')[0]!, {
      claim: claimRequest(),
      signal: AbortSignal.timeout(200),
    })
    const stopped = setTimeout(() => instance.resume(), 1_000)
    const [enqueued, settled] = await answered
    clearTimeout(stopped)

    expect(enqueued).toMatchObject({ status: 'fulfilled', value: [{ id: 'job-0' }] })
    expect(settled).toMatchObject({ reason: { code: 'JOBS_STORE_TIMEOUT' } })
    await expect
      .poll(() => untilDone(() => store.counts({ queue: QUEUE })), { timeout: 15_000 })
      .toMatchObject({ pending: 2, running: 0 })
  })

  test('whose functions were flushed stores and leases a job once', async () => {
    const store = openStore()
    await store.enqueue(newJobs(1, 'before'))
    using worker = new WorkerBeside(store)
    await command('FUNCTION', 'FLUSH')
    const [, settled] = await worker.enqueue(newJobs(1, 'job')[0]!, { claim: claimRequest() })

    expect(settled).toMatchObject({ value: { claimed: { jobs: [{}, {}] } } })
    expect(await store.counts({ queue: QUEUE })).toMatchObject({ pending: 0, running: 2 })
  })

  test('that was silent while many waited fails them all, and a later call works', async () => {
    const store = openStore()
    await store.ping()
    instance.pause()
    const calls = Array.from({ length: 5 }, (_, n) =>
      store.enqueue(newJobs(1, `call-${n}`), { signal: AbortSignal.timeout(200 + n) }),
    )
    const outcomes = await Promise.allSettled(calls)
    instance.resume()

    expect(outcomes.map(({ status }) => status)).toEqual(calls.map(() => 'rejected'))
    for (const outcome of outcomes) {
      expect(outcome).toMatchObject({ reason: { retryable: true } })
    }
    await untilDone(() => store.enqueue(newJobs(1, 'later')))
  })

  test('is listened to again after it hung up, from when all are told to look anew', async () => {
    const listening = openStore()
    // Of its own jobs a store tells by itself.
    const telling = openStore()
    const heard: WakeUp[] = []
    const stop = listening.subscribe!((wakeUp) => heard.push(wakeUp))
    const isHeardFromThen = async (name: string): Promise<void> => {
      await expect
        .poll(() => heard, { timeout: 20_000 })
        .toEqual([{ queue: null, reason: 'ready' }])
      await untilDone(() => telling.enqueue(newJobs(1, name)))
      await expect.poll(() => heard[1]).toEqual({ queue: QUEUE, reason: 'ready' })
    }
    await isHeardFromThen('before')
    heard.length = 0
    await command('CLIENT', 'KILL', 'TYPE', 'pubsub')
    await isHeardFromThen('after')
    stop()
  })

  test('is called on another connection when one has fallen silent', async () => {
    await using proxy = await SilentProxy.start(instance.url)
    const store = openStore(proxy.url)
    await store.enqueue(newJobs(2, 'job'))
    proxy.silence()
    const call = store.counts({ queue: QUEUE }, { signal: AbortSignal.timeout(300) })
    await expect(call).rejects.toMatchObject({ code: 'JOBS_STORE_TIMEOUT' })
    const next = store.counts({ queue: QUEUE }, { signal: AbortSignal.timeout(10_000) })

    expect((await next).pending).toBe(2)
    await store.close()
  })

  test('is listened to on another connection when one has fallen silent', async () => {
    await using proxy = await SilentProxy.start(instance.url)
    const listening = openStore(proxy.url)
    const telling = openStore()
    let heard = 0
    const stop = listening.subscribe!(({ queue }) => {
      if (queue !== null) heard += 1
    })
    let n = 0
    /** Whether anything was heard since it was asked last. */
    const isHeard = async (): Promise<boolean> => {
      const wasHeard = heard > 0
      heard = 0
      await telling.enqueue(newJobs(1, `hint-${n++}`))
      return wasHeard
    }
    await expect.poll(isHeard, { timeout: 20_000 }).toBe(true)
    proxy.silence()
    await expect.poll(isHeard, { timeout: 20_000 }).toBe(false)
    await expect.poll(isHeard, { timeout: 40_000, interval: 200 }).toBe(true)
    stop()
    await listening.close()
  })

  test('is listened to on another connection when one falls silent before it listens', async () => {
    await using proxy = await SilentProxy.start(instance.url)
    proxy.silenceAt(hintChannel('faults'))
    const listening = openStore(proxy.url)
    const heard: WakeUp[] = []
    const stop = listening.subscribe!((wakeUp) => heard.push(wakeUp))
    await expect.poll(() => heard, { timeout: 20_000 }).toEqual([{ queue: null, reason: 'ready' }])
    stop()
    await listening.close()
  })

  test('that asks for a password tells nobody the one that was wrong', async () => {
    await command('CONFIG', 'SET', 'requirepass', 'right')
    const url = new URL(instance.url)
    url.password = 'guessed'
    const store = openStore(url.href)
    const refusal = await store.ping().then(
      () => null,
      (error: unknown) => error as Error,
    )

    expect(refusal).toMatchObject({ code: 'JOBS_STORE_UNAVAILABLE', retryable: false })
    expect(refusal?.message).toContain('refuses the user name or the password')
    const told = JSON.stringify([refusal?.message, String(refusal?.cause), refusal?.stack])
    expect(told).not.toContain('guessed')
  })

  test('that is found after the store was closed has no connection of it', async () => {
    const lookup = vi.fn<LookupFunction>()
    const socket = { host: 'redis.test', port: instance.port, lookup }
    const store = createRedisStore({ client: createClient({ socket }), prefix: 'faults' })
    const refused = expect(store.ping()).rejects.toMatchObject({ code: 'JOBS_STORE_CLOSED' })
    await expect.poll(() => lookup.mock.calls).toHaveLength(1)
    await store.close()
    const [, , found] = lookup.mock.calls[0]!
    found(null, [{ address: '127.0.0.1', family: 4 }])
    await refused

    // The one that asks.
    expect(
      String(await command('CLIENT', 'LIST'))
        .trim()
        .split('\n'),
    ).toHaveLength(1)
  })

  test('lends itself by a client, which stays as it is', async () => {
    const client = createClient({ url: instance.url })
    const store = createRedisStore({ client, prefix: 'faults' })
    stores.push(store)
    await store.enqueue(newJobs(1, 'job'))

    expect(client.isOpen).toBe(false)
    expect((await store.counts({ queue: QUEUE })).pending).toBe(1)
  })
})

describe('a server that is not there', () => {
  test('fails calls, and names no address', async ({ skip }) => {
    await startServer(skip)
    const url = new URL(instance.url)
    url.password = 'secret'
    await instance.kill()
    const store = openStore(url.href)
    const refusal = await store.ping().then(
      () => null,
      (error: unknown) => error as Error,
    )

    expect(refusal).toMatchObject({ code: 'JOBS_STORE_UNAVAILABLE', retryable: true })
    expect(`${refusal?.message} ${String(refusal?.cause)}`).not.toMatch(/secret|127\.0\.0\.1/)
  })
})

describe('a server that takes connections and never answers', () => {
  test.each(['redis', 'rediss'])(
    'is hung up on when the store is closed (%s)',
    async (protocol) => {
      await using server = createServer().listen(0, '127.0.0.1')
      await once(server, 'listening')
      const { port } = server.address() as AddressInfo
      const store = createRedisStore({ url: `${protocol}://127.0.0.1:${port}`, prefix: 'faults' })
      const refused = expect(store.ping()).rejects.toMatchObject({ code: 'JOBS_STORE_CLOSED' })
      const [socket] = (await once(server, 'connection')) as [Socket]
      let isOpen = true
      socket.on('close', () => (isOpen = false)).resume()
      await store.close()
      await expect.poll(() => isOpen, { timeout: 3_000 }).toBe(false)
      await refused
    },
  )
})

describe('a server that writes down what it does', () => {
  test.each([
    ['always', 0],
    // A write may wait as long for the one before it to be on the disk.
    ['everysec', 2_000],
  ])(
    'and is killed (appendfsync %s) loses nothing that was told longer than %d ms before',
    async (appendfsync, promisedMs) => {
      await startServer(orFail, { appendonly: 'yes', appendfsync })
      const kept = { url: instance.url, prefix: 'faults', history: KEEP_ALL }
      const store = createRedisStore(kept)
      stores.push(store)
      const load = new Load(store, [QUEUE])
      const crashes: number[] = []
      for (let round = 0; round < 3; round++) {
        const longEnough = performance.now() + promisedMs + 500
        do await load.goesOn()
        while (performance.now() < longEnough)
        await instance.kill()
        crashes.push(performance.now())
        await instance.start()
      }
      await load.goesOn()
      const { told, jobs, outcomes } = await load.endsWell((toldAt) =>
        crashes.some((at) => toldAt <= at && toldAt > at - promisedMs),
      )
      console.log(
        `appendfsync ${appendfsync}, killed 3 times: of ${told} jobs lost ${jobs}, and the outcomes of ${outcomes}`,
      )
    },
    120_000,
  )
})

describe('a server whose memory is full', () => {
  test('takes nothing new in, completes what runs, and then takes in again', async ({ skip }) => {
    await startServer(skip, { 'maxmemory-policy': 'noeviction' })
    const store = openStore()
    await store.enqueue(newJobs(20, 'job'))
    const { jobs } = await store.claim(claimRequest(10))
    await command('CONFIG', 'SET', 'maxmemory', '1mb')
    await expect(store.enqueue(newJobs(1, 'refused'))).rejects.toMatchObject({
      code: 'JOBS_STORE_UNAVAILABLE',
      retryable: true,
      message: expect.stringContaining('memory of the Redis server is full') as string,
    })
    const { results, claimed } = await store.settle({
      settlements: jobs.map((job) => complete(job)),
      claim: claimRequest(10),
    })
    expect(results).toEqual(jobs.map(() => 'settled'))
    expect(claimed?.jobs).toHaveLength(10)
    expect((await store.counts({ queue: QUEUE })).completed).toBe(10)
    await command('CONFIG', 'SET', 'maxmemory', '0')

    expect(await store.enqueue(newJobs(1, 'refused'))).toMatchObject([{ status: 'enqueued' }])
  })

  test('takes no job in, and lets the claim that came with it go by itself', async ({ skip }) => {
    await startServer(skip, { 'maxmemory-policy': 'noeviction' })
    const store = openStore()
    await store.enqueue(newJobs(1, 'before'))
    using worker = new WorkerBeside(store)
    await command('CONFIG', 'SET', 'maxmemory', '1mb')
    const [enqueued, settled] = await worker.enqueue(newJobs(1, 'job')[0]!, {
      claim: claimRequest(),
    })
    expect(enqueued).toMatchObject({ reason: { code: 'JOBS_STORE_UNAVAILABLE' } })
    expect(settled).toMatchObject({ value: { claimed: { jobs: [{ id: 'before-0' }] } } })
  })

  test.each(['allkeys-lru', 'allkeys-random'])(
    'and which deletes jobs then (%s) is refused by every call',
    async (policy) => {
      await startServer(orFail, { 'maxmemory-policy': policy })
      await expect(openStore().enqueue(newJobs(1, 'job'))).rejects.toMatchObject({
        code: 'JOBS_INVALID_CONFIG',
        message: expect.stringContaining(policy) as string,
      })
    },
  )
})
