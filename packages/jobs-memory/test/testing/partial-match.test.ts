import { describe, expect, it } from 'vitest'
import { matchesPart } from '../../src/testing/partial-match.ts'

const value = {
  id: 'a',
  n: 0,
  none: null,
  lines: [{ sku: 'x', count: 2 }, { sku: 'y' }],
  deep: { er: [1] },
}

describe('a part of a value', () => {
  it.for<unknown>([
    {},
    { id: 'a' },
    { n: 0, none: null },
    { lines: [{ sku: 'x' }, {}] },
    { deep: { er: [1] } },
    { missing: undefined },
    { id: expect.any(String), lines: expect.arrayContaining([{ sku: 'y' }]) as unknown },
    value,
  ])('matches: %o', (part) => {
    expect(matchesPart(value, part)).toBe(true)
  })

  it.for<unknown>([
    { id: 'b' },
    { id: undefined },
    { missing: null },
    { none: {} },
    { n: '0' },
    { lines: [{ sku: 'x' }] },
    { lines: [{ sku: 'y' }, { sku: 'x' }] },
    { lines: {} },
    { deep: [] },
    { deep: { er: { 0: 1 } } },
    { toString: {} },
    { id: expect.any(Number) },
    [],
    'a',
    null,
  ])('does not match: %o', (part) => {
    expect(matchesPart(value, part)).toBe(false)
  })

  it.for<readonly [unknown, unknown]>([
    ['a', 'a'],
    [null, null],
    [
      [1, [2]],
      [1, [2]],
    ],
    [Number.NaN, Number.NaN],
  ])('may be all of it: %o', ([whole, part]) => {
    expect(matchesPart(whole, part)).toBe(true)
  })
})
