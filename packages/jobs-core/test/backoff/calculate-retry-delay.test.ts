import { calculateRetryDelay, DEFAULT_RETRY, type RetryConfig } from '@cgk/jobs-core'
import { describe, expect, test } from 'vitest'
import { retryDelay } from '../../src/backoff/calculate-retry-delay.ts'

describe('calculateRetryDelay', () => {
  test.each([
    [1, 1000, 60_000, 'fixed', 1000],
    [7, 1000, 60_000, 'fixed', 1000],
    [7, 90_000, 60_000, 'fixed', 60_000],
    [1, 1000, 60_000, 'linear', 1000],
    [2, 1000, 60_000, 'linear', 2000],
    [61, 1000, 60_000, 'linear', 60_000],
    [1, 1000, 60_000, 'exponential', 1000],
    [2, 1000, 60_000, 'exponential', 2000],
    [6, 1000, 60_000, 'exponential', 32_000],
    [7, 1000, 60_000, 'exponential', 60_000],
    [5000, 1000, 60_000, 'exponential', 60_000],
    [3, 0, 60_000, 'exponential', 0],
  ] as const)(
    'attempt %i from %i ms up to %i ms, %s, waits %i ms',
    (attempt, initialDelay, maxDelay, backoff, expected) => {
      expect(calculateRetryDelay(attempt, initialDelay, maxDelay, backoff)).toBe(expected)
    },
  )
})

describe('retryDelay', () => {
  const policy: RetryConfig = { ...DEFAULT_RETRY, jitter: 0 }
  const random = (value: number): { next: () => number; hex: () => string } => ({
    next: () => value,
    hex: () => '',
  })

  test('jitter takes away at most its share and adds nothing', () => {
    const delayAt = (jitter: number, draw: number): number =>
      retryDelay({ ...policy, jitter }, 2, null, random(draw))
    expect(delayAt(0, 0.99)).toBe(2000)
    expect(delayAt(0.2, 0)).toBe(2000)
    expect(delayAt(0.2, 0.5)).toBe(1800)
    expect(delayAt(0.2, 0.999_999)).toBe(1600)
    expect(delayAt(1, 0.75)).toBe(500)
  })

  test('a custom function gets the attempt and the error, and maxDelay bounds it', () => {
    const calls: unknown[] = []
    const error = new Error('429')
    const backoff = (attempt: number, cause: unknown): number => {
      calls.push([attempt, cause])
      return attempt * 50_000
    }
    expect(retryDelay({ ...policy, backoff }, 1, error, random(0))).toBe(50_000)
    expect(retryDelay({ ...policy, backoff }, 2, error, random(0))).toBe(60_000)
    expect(calls).toEqual([
      [1, error],
      [2, error],
    ])
  })

  test('delays are whole milliseconds', () => {
    expect(retryDelay({ ...policy, jitter: 1 }, 1, null, random(1 / 3))).toBe(667)
  })
})
