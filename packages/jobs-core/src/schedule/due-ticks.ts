import type { CatchUp } from './stored-spec.ts'
import type { Ticks } from './ticks.ts'

/** How late a tick may be and still run where missed ticks are skipped. */
const LATEST_MS = 60_000

/**
 * The ticks that get jobs, oldest first, of a schedule whose cursor is not after `now`: its rule for
 * missed ticks, applied.
 */
export function dueTicks(
  ticks: Ticks,
  { catchUp, catchUpLimit }: { readonly catchUp: CatchUp; readonly catchUpLimit: number },
  cursor: number,
  now: number,
): number[] {
  const newest = catchUp === 'all' ? catchUpLimit : 1
  // The cursor is a tick whatever the rules of its time zone have become since it was computed.
  const due = ticks.before(now + 1, newest).filter((tick) => tick > cursor)
  if (due.length < newest) due.push(cursor)
  return due.toReversed().filter((tick) => catchUp !== 'skip' || now - tick <= LATEST_MS)
}
