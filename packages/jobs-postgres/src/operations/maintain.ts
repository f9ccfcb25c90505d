import type { CallOptions, LeaseStore } from '@cgk/jobs-core'
import type { HistoryBounds } from '../history.ts'
import type { StoreContext } from '../store-context.ts'

/** See `LeaseStore.maintain`. */
export async function maintain(
  { db, schema, history, wakeUps }: StoreContext,
  { limit }: { readonly limit: number },
  options?: CallOptions,
): ReturnType<LeaseStore['maintain']> {
  const [taken] = await db.query<{
    readonly reclaimed: number
    readonly queues: readonly string[]
  }>(`select reclaimed, queues from ${schema}.reclaim($1)`, [limit], options)
  const { reclaimed, queues } = taken!
  for (const queue of queues) wakeUps.ready(queue)
  const [, answers] = await db.pipeline(
    [
      { text: `select ${schema}.sweep()` },
      // Last: of a long history it may take longer than there is time.
      {
        text: `select pruned, next_in_ms from ${schema}.prune($1, $2, $3)`,
        params: [limit - reclaimed, ...boundColumns(history)],
      },
    ],
    options,
  )
  const [row] = answers as readonly [
    { readonly pruned: number; readonly next_in_ms: bigint | null },
  ]
  const { pruned, next_in_ms: nextInMs } = row
  return { reclaimed, pruned, nextInMs: nextInMs === null ? null : Number(nextInMs) }
}

/** Ages and counts in the order in which `ended` numbers its states. */
function boundColumns({ completed, failed, cancelled }: HistoryBounds) {
  const each = [completed, failed, cancelled]
  return [
    each.map(({ maxAgeMs }) => bound(Math.ceil(maxAgeMs))),
    each.map(({ maxCount }) => bound(Math.floor(maxCount))),
  ] as const
}

/** What no clock and no table will ever reach is no bound. */
function bound(value: number): number | null {
  return value > Number.MAX_SAFE_INTEGER / 2 ? null : value
}
