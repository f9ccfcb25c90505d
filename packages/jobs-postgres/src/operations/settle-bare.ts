import type { Settlement } from '@cgk/jobs-core'
import type { Statement } from '@cgk/db'
import { idsOf, oneOrAll, type BatchEntry } from '../lease-batch.ts'

interface BareRow {
  readonly is_settled: boolean
  readonly wakes: boolean
}

type Entry = BatchEntry<{ readonly item: Settlement }>

/** The statement for settlements that are all of the kind that `settle_bare` is for; `null` if they are not. */
export function settleBareStatement(
  schema: string,
  queue: string,
  claims: readonly string[],
  entries: readonly Entry[],
): Statement | null {
  if (!entries.every(isBare)) return null
  const ordered = entries.toSorted(byId)
  const counts = claims.map(() => 0)
  for (const { lease } of entries) counts[lease - 1]! += 1
  return {
    text: `select is_settled, wakes from ${schema}.settle_bare($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
    params: [
      queue,
      claims,
      counts,
      oneOrAll(ordered.map(({ lease }) => lease)),
      oneOrAll(ordered.map(({ turn }) => turn)),
      idsOf(ordered),
      oneOrAll(ordered.map(({ tenant }) => tenant)),
      oneOrAll(ordered.map(({ createdAt }) => createdAt)),
      oneOrAll(ordered.map(resultOf)),
    ],
  }
}

/** Whether such a statement has settled them; if not, they are still to be settled. */
export function readSettledBare(rows: readonly object[]): BareRow {
  return rows[0] as BareRow
}

function isBare({ isBare, said: { item } }: Entry): boolean {
  return (
    isBare &&
    item.outcome.type === 'complete' &&
    item.followUps.length === 0 &&
    !item.discard &&
    item.headers === undefined
  )
}

function resultOf({ said: { item } }: Entry): string | null {
  return item.outcome.type === 'complete' ? item.outcome.result : null
}

/** As numbers, of which decimal digits are given. */
function byId(a: Entry, b: Entry): number {
  return a.id.length - b.id.length || (a.id < b.id ? -1 : 1)
}
