const FIRST_MS = 1_000
const LONGEST_MS = 60_000

/** How long a job that nobody here can take is left alone: doubles each time it is given back, up to a minute. */
export function growingDelay(releases: number): number {
  return Math.min(FIRST_MS * 2 ** Math.min(releases, 16), LONGEST_MS)
}
