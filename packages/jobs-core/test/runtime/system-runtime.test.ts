import { systemPorts } from '@cgk/jobs-core'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'

const { timers, random } = systemPorts

describe('timers', () => {
  beforeEach(() => {
    vi.useFakeTimers()
  })
  afterEach(() => {
    vi.useRealTimers()
  })

  test.each([2 ** 31 - 1, 2 ** 31, 2 ** 31 + 5_000, 5 * 2 ** 31 + 17])(
    'a delay of %i ms ends when it is over and not before',
    (delayMs) => {
      const fn = vi.fn()
      timers.after(delayMs, fn)
      vi.advanceTimersByTime(delayMs - 1)
      expect(fn).not.toHaveBeenCalled()
      vi.advanceTimersByTime(1)
      expect(fn).toHaveBeenCalledTimes(1)
      expect(vi.getTimerCount()).toBe(0)
    },
  )

  test('a long delay can be cancelled in each of its parts', () => {
    const fn = vi.fn()
    const cancels = [0, 1, 2].map(() => timers.after(3 * 2 ** 31, fn))
    for (const cancel of cancels) {
      cancel()
      vi.advanceTimersByTime(2 ** 31)
    }
    expect(vi.getTimerCount()).toBe(0)
    expect(fn).not.toHaveBeenCalled()
  })

  test('cancelling is harmless afterwards, and twice', () => {
    const fn = vi.fn()
    const cancel = timers.after(5, fn)
    vi.advanceTimersByTime(5)
    cancel()
    cancel()
    expect(fn).toHaveBeenCalledTimes(1)
  })
})

test('a background timer does not hold the process open, another one does', () => {
  const before = process.getActiveResourcesInfo().filter((kind) => kind === 'Timeout').length
  const active = (): number =>
    process.getActiveResourcesInfo().filter((kind) => kind === 'Timeout').length - before
  const cancelBackground = timers.after(60_000, () => {}, { background: true })
  expect(active()).toBe(0)
  const cancel = timers.after(60_000, () => {})
  expect(active()).toBe(1)
  cancel()
  cancelBackground()
})

test('`soon` comes after everything that is ready by then, however much each brings', async () => {
  const order: string[] = []
  await new Promise<void>((resolve) => {
    timers.soon(() => {
      order.push('soon')
      resolve()
    })
    queueMicrotask(() => {
      order.push('microtask')
      process.nextTick(() => {
        order.push('tick')
        queueMicrotask(() => order.push('microtask of the tick'))
      })
    })
  })
  expect(order).toEqual(['microtask', 'tick', 'microtask of the tick', 'soon'])
})

describe('randomness', () => {
  test.each([1, 2, 16, 31, 32, 2_047, 2_048, 5_000])('%i digits are as many as that', (digits) => {
    expect(random.hex(digits)).toMatch(new RegExp(`^[0-9a-f]{${digits}}$`))
  })

  test('digits are never handed out twice', () => {
    const drawn = new Set(Array.from({ length: 20_000 }, () => random.hex(16)))
    expect(drawn.size).toBe(20_000)
  })

  test('jitter stays within [0, 1)', () => {
    for (let draw = 0; draw < 1_000; draw++) {
      const value = random.next()
      expect(value).toBeGreaterThanOrEqual(0)
      expect(value).toBeLessThan(1)
    }
  })
})
