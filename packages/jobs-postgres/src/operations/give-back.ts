import { setTimeout as wait } from 'node:timers/promises'
import type { StoreContext } from '../store-context.ts'

const REPEATS = 30
const REPEAT_AFTER_MS = 1_000

/**
 * Gives back, once the database answers, what a claim of that token may have leased of which nobody heard; the
 * claim, if it is still on its way, leases nothing any more. Leases that cannot be given back for so long expire.
 */
export async function giveBack(
  { db, schema, wakeUps }: StoreContext,
  token: string,
): Promise<void> {
  for (let repeats = 0; repeats < REPEATS; repeats++) {
    try {
      const [row] = await db.control.query<{ readonly queues: readonly string[] }>(
        `select ${schema}.give_back($1) as queues`,
        [token],
      )
      for (const queue of row!.queues) wakeUps.ready(queue)
      return
    } catch {
      await wait(REPEAT_AFTER_MS, undefined, { ref: false })
    }
  }
}
