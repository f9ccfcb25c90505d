import { DEFAULT_LIMITS } from '@cgk/jobs-core'
import { expect, test } from 'vitest'
import { resolveLimits } from '../src/limits.ts'

test('limits that are not given have their defaults', () => {
  expect(resolveLimits()).toEqual({
    payloadBytes: 262_144,
    depth: 64,
    nameLength: 200,
    idLength: 200,
    keyLength: 200,
  })
  expect(resolveLimits({ depth: 3 })).toEqual({ ...DEFAULT_LIMITS, depth: 3 })
})

test.each([0, -1, 1.5, Number.NaN, Infinity, '64', null])('a limit of %s is refused', (depth) => {
  expect(() => resolveLimits({ depth: depth as number })).toThrow(
    `limits.depth must be a whole number from 1, not ${String(depth)}`,
  )
})

test('nobody can change the defaults', () => {
  expect(() => {
    ;(DEFAULT_LIMITS as { depth: number }).depth = 1
  }).toThrow(TypeError)
})
