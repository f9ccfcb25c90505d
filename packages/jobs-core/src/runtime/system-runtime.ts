import type { Clock, Random, RuntimePorts, Timers } from './ports.ts'

// Timers of the platform hold a 32-bit count of milliseconds; a longer one would fire at once.
const LONGEST_TIMER_MS = 2 ** 31 - 1

const clock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
}

const timers: Timers = {
  after(delayMs, fn, options) {
    let handle: ReturnType<typeof setTimeout>
    const arm = (remainingMs: number): void => {
      const stepMs = Math.min(remainingMs, LONGEST_TIMER_MS)
      handle = setTimeout(() => {
        if (remainingMs > stepMs) arm(remainingMs - stepMs)
        else fn()
      }, stepMs)
      if (options?.background === true) unref(handle)
    }
    arm(delayMs)
    return () => {
      clearTimeout(handle)
    }
  },
  soon(fn) {
    if (setImmediate === undefined) setTimeout(fn, 0)
    else setImmediate(fn)
  },
}

// `setTimeout(fn, 0)` waits a millisecond; where there is `setImmediate`, it does not.
const { setImmediate } = globalThis as { setImmediate?: (fn: () => void) => unknown }

// Drawing random bytes costs a system call's worth of time, so they are drawn for many ids at once.
const POOL_BYTES = 1_024
const DIGITS_OF_BYTE = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'))
let pool = ''
let poolUsed = 0

const random: Random = {
  next: () => Math.random(),
  hex(digits) {
    if (poolUsed + digits > pool.length) {
      pool = hexOf(crypto.getRandomValues(new Uint8Array(Math.max(POOL_BYTES, digits))))
      poolUsed = 0
    }
    const text = pool.slice(poolUsed, poolUsed + digits)
    poolUsed += digits
    return text
  },
}

function hexOf(bytes: Uint8Array): string {
  let text = ''
  for (const byte of bytes) text += DIGITS_OF_BYTE[byte]!
  return text
}

/** The platform's clock, timers and randomness. */
export const systemPorts: RuntimePorts = { clock, timers, random }

// Node's timers can be told not to keep the process open; a browser's are plain numbers.
function unref(handle: unknown): void {
  if (typeof handle === 'object' && handle !== null && 'unref' in handle) {
    ;(handle as { unref(): void }).unref()
  }
}
