import { beforeEach, describe, expect, test } from 'vitest'
import type { Lease, LeaseState } from '../../src/storage/lease.ts'
import { type HeldLease, LeaseKeeper } from '../../src/worker/lease-keeper.ts'
import { HandTime } from '../hand-time.ts'

const LEASE_MS = 3_000

class Held implements HeldLease {
  readonly lease: Lease
  readonly leaseMs = LEASE_MS
  expiresAt = LEASE_MS
  keeperPlace = -1
  /** What it was told, and when. */
  readonly told: (readonly [at: number, state: LeaseState])[] = []

  constructor(id: string) {
    this.lease = { queue: 'orders', tenantId: null, id, token: id }
  }

  leaseChanged(state: LeaseState): void {
    this.told.push([time.clock.monotonic(), state])
  }
}

let time: HandTime
let keeper: LeaseKeeper
/** The ids of leases whose part of the store does not answer. */
let away: Set<string>
let calls: { readonly at: number; readonly ids: string }[]
let warnings: unknown[]
let held: Held[]

beforeEach(() => {
  time = new HandTime()
  away = new Set(['a', 'b'])
  calls = []
  warnings = []
  keeper = new LeaseKeeper({
    clock: time.clock,
    timers: time.timers,
    logger: { warn: (_message, fields) => warnings.push(fields), error() {} },
    extend: async (leases) => {
      const ids = leases.map(({ id }) => id)
      calls.push({ at: time.clock.monotonic(), ids: ids.join('') })
      return ids.map((id) => (away.has(id) ? 'unanswered' : 'held'))
    },
  })
  held = ['a', 'b', 'c', 'd'].map((id) => new Held(id))
  for (const each of held) keeper.hold(each)
})

describe('leases whose part of the store does not answer', () => {
  test('are lost when their time is over, and no others', async () => {
    await time.advance(20_000)
    const [a, b, c, d] = held as [Held, Held, Held, Held]
    expect([c.told, d.told]).toEqual([[], []])
    expect(c.expiresAt).toBeGreaterThan(20_000)
    for (const { told } of [a, b]) {
      const [at, state] = told[0]!
      expect(state).toBe('lost')
      expect(at).toBeGreaterThanOrEqual(LEASE_MS)
      expect(at).toBeLessThanOrEqual(LEASE_MS + 100)
    }
  })

  test('are asked for again every 100 ms, without the others, and one warning tells of each time', async () => {
    await time.advance(1_200)
    expect(calls).toEqual([
      { at: 1_000, ids: 'abcd' },
      { at: 1_100, ids: 'ab' },
      { at: 1_200, ids: 'ab' },
    ])
    expect(warnings).toEqual(calls.map(() => ({ leases: 2 })))
  })

  test('are held as before once it answers in time', async () => {
    await time.advance(2_500)
    away.clear()
    await time.advance(20_000)
    expect(held.map(({ told }) => told)).toEqual([[], [], [], []])
    expect(Math.min(...held.map(({ expiresAt }) => expiresAt))).toBeGreaterThan(22_500)
  })
})
