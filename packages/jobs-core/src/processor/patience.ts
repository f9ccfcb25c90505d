const LONGEST_MS = 5

/** Nobody shall wait noticeably longer for a job than it took. */
const PART_OF_ATTEMPT = 1 / 4

/** Timers know nothing shorter. */
const SHORTEST_MS = 1

/**
 * How long the settlement of an attempt may wait for company, in milliseconds: a call for several costs a store
 * little more than one for one. 0 where none is to be expected so soon.
 *
 * @param tookMs - how long the attempt took, as others may.
 * @param others - attempts in progress.
 */
export function patience(tookMs: number, others: number): number {
  const ms = Math.min(LONGEST_MS, tookMs * PART_OF_ATTEMPT)
  const expected = others * (ms / tookMs)
  return ms >= SHORTEST_MS && expected >= 1 ? ms : 0
}
