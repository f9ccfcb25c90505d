import { beforeEach, describe, expect, test } from 'vitest'
import { JobsError } from '../../src/errors.ts'
import type { ClaimRequest, ClaimResult } from '../../src/storage/lease.ts'
import { complete, type SettleResult } from '../../src/storage/settlement.ts'
import { Settler } from '../../src/worker/settler.ts'
import { HandTime, turn } from '../hand-time.ts'

const CLAIM: ClaimRequest = {
  queue: 'orders',
  slots: 1,
  prefetch: 0,
  leaseMs: 3_000,
  worker: 'w',
  suspects: false,
}
const NOTHING: ClaimResult = {
  jobs: [],
  nextDueInMs: null,
  awaitsRelease: false,
  hasSuspects: false,
}

let time: HandTime
let settler: Settler
/** What ids of jobs begin with whose part of the store does not answer. */
let away: string
/** What is refused with all that comes with it. */
let refused: string | undefined
/** What is claimed. */
let claimed: ClaimResult | null
let calls: { readonly at: number; readonly ids: readonly string[] }[]
let answers: Map<string, SettleResult>
let warnings: unknown[]

beforeEach(() => {
  time = new HandTime()
  away = 'away'
  refused = undefined
  claimed = NOTHING
  calls = []
  answers = new Map()
  warnings = []
  const logger = { warn: (_: string, fields: unknown) => warnings.push(fields), error() {} }
  settler = new Settler(
    async (settlements, claim) => {
      const ids = settlements.map(({ lease }) => lease.id)
      calls.push({ at: time.clock.monotonic(), ids })
      if (refused !== undefined && ids.includes(refused)) {
        throw new JobsError('JOBS_STORE_UNAVAILABLE', 'refused')
      }
      const results = ids.map((id): SettleResult =>
        id.startsWith(away) ? 'unanswered' : 'settled',
      )
      return { results, claimed: claim === undefined ? null : claimed }
    },
    time.clock,
    time.timers,
    logger,
  )
})

function settle(...ids: readonly string[]): void {
  for (const id of ids) {
    const lease = { queue: 'orders', tenantId: null, id, token: id }
    settler.settle(complete(lease), { settled: (result) => answers.set(id, result) })
  }
}

const names = (name: string, count: number) => Array.from({ length: count }, (_, n) => name + n)
const idsOf = (from: number) => calls.slice(from).map(({ ids }) => ids.join())

describe('settlements whose part of the store does not answer', () => {
  test('are asked for again until it does; the owners of the others hear at once', async () => {
    settle('away-1', 'here-1', 'away-2', 'here-2')
    await turn()
    const ofOthers = new Map([
      ['here-1', 'settled'],
      ['here-2', 'settled'],
    ])
    expect(answers).toEqual(ofOthers)
    await time.advance(10_000)
    expect(answers).toEqual(ofOthers)
    away = 'nothing'
    await time.advance(2_000)
    expect(answers.size).toBe(4)
    expect(new Set(answers.values())).toEqual(new Set(['settled']))
  })

  test('wait longer each time, up to 2 s, and one warning tells of each time', async () => {
    settle('away-1', 'away-2', 'here')
    await time.advance(8_000)
    expect(calls.map(({ at }) => at)).toEqual([0, 50, 150, 350, 750, 1_550, 3_150, 5_150, 7_150])
    expect(new Set(idsOf(1))).toEqual(new Set(['away-1,away-2']))
    expect(warnings).toEqual(calls.map(() => ({ jobs: 2 })))
  })

  test('keep no others waiting, however many they are', async () => {
    settle(...names('away', 1_500), 'here-1')
    await turn()
    expect(answers).toEqual(new Map([['here-1', 'settled']]))
    settle('here-2')
    await turn()
    expect(answers.get('here-2')).toBe('settled')
    expect(settler.settleAndClaim(CLAIM)).toBeNull()
    settle('here-3')
    expect(await settler.settleAndClaim(CLAIM)).toBe(NOTHING)
    expect(answers.get('here-3')).toBe('settled')
  })

  test('all have their turn', async () => {
    settle(...names('away-for-long-', 1_000), ...names('away-', 500))
    await turn()
    away = 'away-for-long'
    await time.advance(500)
    expect(answers.size).toBe(500)
  })

  test('are tried alone where the store refuses some of them', async () => {
    settle('away-1', 'away-2', 'away-3')
    await turn()
    away = 'nothing'
    refused = 'away-2'
    await time.advance(100)
    expect(Object.fromEntries(answers)).toEqual({
      'away-1': 'settled',
      'away-2': 'lost',
      'away-3': 'settled',
    })
  })
})

test('a claim whose part of the store does not answer fails alone', async () => {
  claimed = null
  settle('here')
  await expect(settler.settleAndClaim(CLAIM)).rejects.toMatchObject({
    code: 'JOBS_STORE_UNAVAILABLE',
    retryable: true,
  })
  expect(answers).toEqual(new Map([['here', 'settled']]))
  settle('away')
  await expect(settler.settleAndClaim(CLAIM)).rejects.toMatchObject({ retryable: true })
  away = 'nothing'
  await time.advance(100)
  expect(answers.get('away')).toBe('settled')
  expect(calls.map(({ ids }) => ids)).toEqual([['here'], ['away'], ['away']])
})
