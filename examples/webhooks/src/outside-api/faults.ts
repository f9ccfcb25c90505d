import { fraction } from '../seeded.ts'

/** How the outside API answers one call. */
export type Answer =
  | { readonly type: 'done'; readonly afterMs: number }
  /** Done at once, and answered late: perhaps after the caller gave up. */
  | { readonly type: 'slow'; readonly afterMs: number }
  /** 429, nothing done: something else of the shop has used its quota up. */
  | { readonly type: 'throttled' }
  /** 500, nothing done. */
  | { readonly type: 'broken' }

const THROTTLED = 0.0005
const BROKEN = 0.1
const SLOW = 0.02

/** Decides an answer from the seed, the idempotency key and the number of the call (from 1). */
export function answerFor(seed: number, key: string, call: number): Answer {
  const luck = fraction(seed, ['answer', key, call])
  const time = fraction(seed, ['time', key, call])
  if (luck < THROTTLED) return { type: 'throttled' }
  if (luck < THROTTLED + BROKEN) return { type: 'broken' }
  if (luck < THROTTLED + BROKEN + SLOW) return { type: 'slow', afterMs: 300 + 1000 * time }
  return { type: 'done', afterMs: 2 + 18 * time }
}
