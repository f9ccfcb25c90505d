/**
 * Makes throws that are the same for the same seed: `dice(seed)(6)` is from 0 to 5.
 *
 * @see Park and Miller: Random number generators, good ones are hard to find (CACM 1988)
 */
export function dice(seed: number): (sides: number) => number {
  let state = seed
  return (sides) => {
    state = (state * 48_271) % 2_147_483_647
    return state % sides
  }
}
