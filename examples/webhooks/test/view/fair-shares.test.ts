import { expect, test } from 'vitest'
import { FairShares } from '../../src/view/fair-shares.ts'

const weights = new Map([
  ['small', 1],
  ['large', 3],
])

function enqueue(shares: FairShares, counts: Readonly<Record<string, number>>): void {
  for (const [shop, count] of Object.entries(counts)) {
    for (let index = 0; index < count; index++) shares.enqueued(shop)
  }
}

function start(shares: FairShares, ...shopsInOrder: readonly string[]): void {
  for (const shop of shopsInOrder) shares.started(shop, true)
}

test('starts in proportion to the weights have an index of 1', () => {
  const shares = new FairShares(weights)
  enqueue(shares, { small: 2, large: 4 })
  start(shares, 'small', 'large', 'large', 'large', 'large')
  expect(shares.fairness).toEqual({ jainIndex: 1, starts: 4, shops: 2 })
})

test('a shop that has all the starts brings the index of two down to a half', () => {
  const shares = new FairShares(weights)
  enqueue(shares, { small: 9, large: 9 })
  start(shares, 'large', 'large', 'large', 'large')
  expect(shares.fairness).toEqual({ jainIndex: 0.5, starts: 3, shops: 2 })
})

test('what starts once a shop has nothing left is not held against anybody', () => {
  const shares = new FairShares(weights)
  enqueue(shares, { small: 1, large: 9 })
  start(shares, 'large', 'large', 'large', 'small', 'large')
  const before = shares.fairness
  start(shares, 'large', 'large', 'large')
  expect(shares.fairness).toEqual(before)
  expect(before).toMatchObject({ starts: 3 })
})

test('without a time in which all have something there is nothing to judge', () => {
  const shares = new FairShares(weights)
  enqueue(shares, { large: 2 })
  start(shares, 'large', 'large')
  expect(shares.fairness).toBeNull()
})

test('shares are of all starts, those of shops that are not judged included', () => {
  const shares = new FairShares(weights)
  expect(shares.shareOf('large')).toBe(0)
  start(shares, 'large', 'other', 'other', 'small')
  expect(shares.shareOf('large')).toBe(0.25)
  expect(shares.shareOf('other')).toBe(0.5)
})
