import type { Random } from '@cgk/jobs-core'

/**
 * Chance that takes nothing away: a retry comes after exactly the delay of its policy, whatever the
 * jitter. Ids and tokens are the same in every run.
 */
export function predictableRandom(): Random {
  // mulberry32
  let state = 1
  const digit = (): string => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 28).toString(16)
  }
  return {
    next: () => 0,
    hex: (digits) => Array.from({ length: digits }, digit).join(''),
  }
}
