import type { Settlement } from '@cgk/jobs-core'
import type { Statement } from '@cgk/db'
import { idRanges } from '../id-ranges.ts'
import { oneOrAll, type BatchEntry } from '../lease-batch.ts'

interface BareRow {
  readonly is_settled: boolean
  readonly wakes: boolean
}

type Entry = BatchEntry<Settlement>

/** The statement for settlements that are all of the kind that `settle_bare` is for; `null` if they are not. */
export function settleBareStatement(
  schema: string,
  queue: string,
  claims: readonly string[],
  entries: readonly Entry[],
): Statement | null {
  if (!entries.every(isBare)) return null
  const ordered = entries.toSorted(byId)
  const { firsts, lasts, places } = idRanges(ordered.map(({ facts }) => facts.id))
  const counts = claims.map(() => 0)
  for (const { claim } of entries) counts[claim - 1]! += 1
  return {
    text: `select is_settled, wakes from ${schema}.settle_bare($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)`,
    params: [
      queue,
      claims,
      counts,
      `{${firsts.join()}}`,
      `{${lasts.join()}}`,
      places,
      oneOrAll(ordered.map(({ claim }) => claim)),
      oneOrAll(ordered.map(({ facts }) => facts.turn)),
      oneOrAll(ordered.map(({ tenant }) => tenant)),
      oneOrAll(ordered.map(({ facts }) => facts.createdAt)),
      oneOrAll(ordered.map(resultOf)),
    ],
  }
}

/** Whether such a statement has settled them; if not, they are still to be settled. */
export function readSettledBare(rows: readonly object[]): BareRow {
  return rows[0] as BareRow
}

function isBare({ facts, item }: Entry): boolean {
  return (
    facts.isBare &&
    item.outcome.type === 'complete' &&
    item.followUps.length === 0 &&
    !item.discard &&
    item.headers === undefined
  )
}

function resultOf({ item }: Entry): string | null {
  return item.outcome.type === 'complete' ? item.outcome.result : null
}

/** As numbers, of which decimal digits are given. */
function byId({ facts: a }: Entry, { facts: b }: Entry): number {
  return a.id.length - b.id.length || (a.id < b.id ? -1 : 1)
}
