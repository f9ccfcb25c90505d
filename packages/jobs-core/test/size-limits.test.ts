import { DEFAULT_SIZES } from '@cgk/jobs-core'
import { expect, test } from 'vitest'
import { resolveSizes } from '../src/size-limits.ts'

test('size limits that are not given have their defaults', () => {
  expect(resolveSizes()).toEqual({
    payloadBytes: 262_144,
    depth: 64,
    nameLength: 200,
    idLength: 200,
    keyLength: 200,
  })
  expect(resolveSizes({ depth: 3 })).toEqual({ ...DEFAULT_SIZES, depth: 3 })
})

test.each([0, -1, 1.5, Number.NaN, Infinity, '64', null])('a limit of %s is refused', (depth) => {
  expect(() => resolveSizes({ depth: depth as number })).toThrow(
    `sizes.depth must be a whole number from 1, not ${String(depth)}`,
  )
})

test('nobody can change the defaults', () => {
  expect(() => {
    ;(DEFAULT_SIZES as { depth: number }).depth = 1
  }).toThrow(TypeError)
})
