import type { WakeUp } from '@cgk/jobs-core'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { createJobsMigrator } from '../src/index.ts'
import { WakeUps } from '../src/wake-ups.ts'
import { testPlace, type PlaceKind } from './support/test-place.ts'

vi.setConfig({ testTimeout: 60_000 })

const opened: WakeUps[] = []

afterEach(async () => {
  await Promise.all(opened.splice(0).map((wakeUps) => wakeUps.close()))
})

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
    wakeUps.subscribe(({ queue }) => queues.push(queue))
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
