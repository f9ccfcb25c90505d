import { connectPostgres } from '@cgk/db'
import type { ClaimResult, WakeUp } from '@cgk/jobs-core'
import { createTestDatabase, PostgresProxy } from '@cgk/test-servers'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { createJobsMigrator } from '../src/index.ts'
import { WakeUps } from '../src/wake-ups.ts'
import { testPlace, type PlaceKind } from './support/test-place.ts'

vi.setConfig({ testTimeout: 60_000 })

const opened: WakeUps[] = []

afterEach(async () => {
  await Promise.all(opened.splice(0).map((wakeUps) => wakeUps.close()))
})

const LOOK_ANEW: WakeUp = { queue: null, reason: 'ready' }

describe.each<PlaceKind>(['local', 'pglite'])('hints on %s', (kind) => {
  const openPlace = testPlace(kind)

  async function open(): Promise<WakeUps> {
    const { db, connect } = await openPlace()
    await createJobsMigrator(db).up()
    const own = connect()
    const wakeUps = new WakeUps(async () => ({ db: own, schema: 'jobs' }))
    opened.push(wakeUps)
    return wakeUps
  }

  /** What is heard from the moment on in which something of another store is. */
  async function hear(): Promise<{ readonly queues: string[]; readonly wakeUps: WakeUps }> {
    const wakeUps = await open()
    const other = await open()
    const queues: string[] = []
    wakeUps.subscribe(({ queue }) => {
      if (queue !== null) queues.push(queue)
    })
    await vi.waitFor(() => {
      other.ready('begin')
      expect(queues).not.toEqual([])
    })
    return { queues, wakeUps }
  }

  test('of its own a store hears at once, and once', async () => {
    const { queues, wakeUps } = await hear()
    wakeUps.ready('a queue of its own')
    expect(queues).toContain('a queue of its own')

    const other = await open()
    other.ready('later')
    await vi.waitFor(() => expect(queues).toContain('later'))
    expect(queues.filter((queue) => queue === 'a queue of its own')).toHaveLength(1)
  })

  test('of one moment are two at most, the last of them after the last call', async () => {
    const { queues } = await hear()
    const sender = await open()
    for (let call = 0; call < 1_000; call += 1) sender.ready('busy')
    await vi.waitFor(() =>
      expect(queues.filter((queue) => queue === 'busy')).toEqual(['busy', 'busy']),
    )
    // Later than all of that moment.
    sender.ready('end')
    await vi.waitFor(() => expect(queues).toContain('end'))
    expect(queues.filter((queue) => queue === 'busy')).toHaveLength(2)
  })

  test('are listened to from when all are told to look anew', async () => {
    const wakeUps = await open()
    const other = await open()
    const heard: WakeUp[] = []
    const isListening = Promise.withResolvers<void>()
    wakeUps.subscribe((wakeUp) => {
      heard.push(wakeUp)
      isListening.resolve()
    })
    await isListening.promise
    other.ready('begin')
    await vi.waitFor(() => expect(heard).toHaveLength(2))

    expect(heard).toEqual([LOOK_ANEW, { queue: 'begin', reason: 'ready' }])
  })

  test('of other queues and of the other kind wait for none', async () => {
    const heard: WakeUp[] = []
    const { wakeUps } = await hear()
    wakeUps.subscribe((wakeUp) => heard.push(wakeUp))
    const sender = await open()
    sender.ready('a')
    sender.changed('a')
    sender.ready('b')
    await vi.waitFor(() =>
      expect(heard).toEqual(
        expect.arrayContaining([
          { queue: 'a', reason: 'ready' },
          { queue: 'a', reason: 'changed' },
          { queue: 'b', reason: 'ready' },
        ]),
      ),
    )
  })

  test('that are due are sent when the store is closed', async () => {
    const { queues } = await hear()
    const sender = await open()
    sender.ready('closing')
    sender.ready('closing')
    await sender.close()
    await vi.waitFor(() =>
      expect(queues.filter((queue) => queue === 'closing')).toEqual(['closing', 'closing']),
    )
  })

  test('a listener that throws, or has left, keeps no other from hearing', async () => {
    const wakeUps = await open()
    const left = vi.fn()
    wakeUps.subscribe(left)()
    wakeUps.subscribe(() => {
      throw new Error('a listener failed')
    })
    const heard = vi.fn()
    wakeUps.subscribe(heard)
    await vi.waitFor(() => {
      wakeUps.ready('begin')
      expect(heard).toHaveBeenCalled()
    })
    expect(left).not.toHaveBeenCalled()
  })
})

test('once hints are listened to again after a loss, all are told to look anew', async () => {
  await using database = await createTestDatabase('local')
  await using proxy = await PostgresProxy.start(database.url)
  await using db = connectPostgres({ url: proxy.url })
  await createJobsMigrator(db).up()
  const wakeUps = new WakeUps(async () => ({ db, schema: 'jobs' }))
  opened.push(wakeUps)
  const heard: WakeUp[] = []
  wakeUps.subscribe((wakeUp) => heard.push(wakeUp))
  await vi.waitFor(() => expect(heard).toEqual([LOOK_ANEW]))
  proxy.reset()
  await vi.waitFor(() => expect(heard).toEqual([LOOK_ANEW, LOOK_ANEW]), { timeout: 20_000 })
})

test('a queue of which claims waited in vain is offered nothing for longer and longer, a second at most', async () => {
  const wakeUps = new WakeUps(async () => {
    throw new Error('down')
  })
  opened.push(wakeUps)
  const nothing = { jobs: [], nextDueInMs: null, awaitsRelease: false, hasSuspects: false }
  const claims: Promise<unknown>[] = []
  wakeUps.subscribe(({ queue }) => {
    const request = { queue: queue!, slots: 1, prefetch: 0, leaseMs: 1_000, worker: 'w' }
    const claim = wakeUps.claim({ ...request, suspects: false }, undefined, async () => nothing)
    claims.push(claim)
  })
  const answers = async (queue: string, result: ClaimResult | undefined): Promise<boolean> => {
    const isHeard = wakeUps.offer(queue)?.give(result) === true
    await Promise.all(claims)
    return isHeard
  }
  vi.useFakeTimers({ toFake: ['performance'] })
  try {
    for (const restMs of [20, 40, 80, 160, 320, 640, 1_000, 1_000]) {
      expect(await answers('queue', undefined)).toBe(true)
      expect(await answers('another', nothing)).toBe(true)
      vi.advanceTimersByTime(restMs - 1)
      expect(await answers('queue', nothing)).toBe(false)
      vi.advanceTimersByTime(1)
    }
    expect(await answers('queue', nothing)).toBe(true)
    expect(await answers('queue', undefined)).toBe(true)
    vi.advanceTimersByTime(20)
    expect(await answers('queue', nothing)).toBe(true)
  } finally {
    vi.useRealTimers()
  }
})

test('who cannot listen tries again', async () => {
  let attempts = 0
  const wakeUps = new WakeUps(async () => {
    attempts += 1
    throw new Error('down')
  })
  opened.push(wakeUps)
  vi.useFakeTimers({ toFake: ['setTimeout'] })
  try {
    wakeUps.subscribe(() => {})
    await vi.waitFor(async () => {
      await vi.advanceTimersByTimeAsync(1_000)
      expect(attempts).toBeGreaterThan(2)
    })
  } finally {
    vi.useRealTimers()
  }
})
