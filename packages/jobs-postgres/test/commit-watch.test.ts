import type { Transaction } from '@cgk/db'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { CommitWatch } from '../src/commit-watch.ts'
import { testPlace, type PlaceKind } from './support/test-place.ts'

vi.setConfig({ hookTimeout: 120_000, testTimeout: 60_000 })

const watches: CommitWatch[] = []
afterEach(async () => {
  for (const watch of watches.splice(0)) await watch.close()
})

async function xidOf(tx: Transaction): Promise<string> {
  const [row] = await tx.query('select pg_current_xact_id()::text as xid')
  return String(row!['xid'])
}

describe.each<PlaceKind>(['local', 'pglite'])('who watches for commits on %s', (kind) => {
  const openPlace = testPlace(kind)

  test('hears of each once, of no other end, and of none that the server does not know', async () => {
    const { db } = await openPlace()
    const watch = new CommitWatch(async () => ({ db }))
    watches.push(watch)
    const heard: string[] = []
    // As of a transaction that a failover lost, with the server that had given it its number.
    watch.watch('281474976710655', () => heard.push('future'))
    await db
      .transaction(async (tx) => {
        watch.watch(await xidOf(tx), () => heard.push('rolled back'))
        throw new Error('rolled back')
      })
      .catch(() => {})
    await db.transaction(async (tx) => {
      watch.watch(await xidOf(tx), () => heard.push('committed'))
    })
    await vi.waitFor(() => expect(heard).toEqual(['committed']), 20_000)
    await watch.close()
    expect(heard).toEqual(['committed'])
  })

  test('hears of one though more begin all the time', async () => {
    const { db } = await openPlace()
    const watch = new CommitWatch(async () => ({ db }))
    watches.push(watch)
    let hasHeard = false
    const xid = await db.transaction(xidOf)
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    try {
      watch.watch(xid, () => (hasHeard = true))
      // Each waits for a moment; none has waited for long when the next one comes.
      const oneMore = async (): Promise<void> => {
        watch.watch('281474976710655', () => {})
        await vi.advanceTimersByTimeAsync(5)
        expect(hasHeard).toBe(true)
      }
      await vi.waitFor(oneMore, { timeout: 10_000, interval: 1 })
    } finally {
      vi.useRealTimers()
    }
  })
})
