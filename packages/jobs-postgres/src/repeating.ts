import { setTimeout as wait } from 'node:timers/promises'
import { isDbError } from '@cgk/db'

/** Serialization failure and deadlock: the server rolled the call back for the sake of another. */
const VICTIMS: ReadonlySet<string> = new Set(['40001', '40P01'])

/** How often such a call is made again. */
const VICTIM_REPEATS = 3

/**
 * How often a call is made again that met an id or a key in somebody's open transaction and did nothing (see
 * `wait_briefly` in SQL); after growing pauses, unless it is aborted before.
 */
const LOCK_REPEATS = 30
const FIRST_PAUSE_MS = 50
const LAST_PAUSE_MS = 1_000

/** Makes a call that is one statement again while it is refused because of what others are about to do. */
export async function repeating<T>(
  call: () => Promise<T>,
  signal: AbortSignal | undefined,
): Promise<T> {
  let [sacrifices, locks] = [0, 0]
  for (;;) {
    try {
      return await call()
    } catch (error) {
      if (isDbError(error) && VICTIMS.has(error.code) && sacrifices < VICTIM_REPEATS) {
        sacrifices += 1
        continue
      }
      if (!isDbError(error, '55P03') || locks === LOCK_REPEATS || signal?.aborted === true) {
        throw error
      }
      const pauseMs = Math.min(FIRST_PAUSE_MS * 2 ** locks, LAST_PAUSE_MS)
      // An aborted wait ends the call with what it met.
      await wait(pauseMs, undefined, { ...(signal && { signal }) }).catch(() => {})
      locks += 1
    }
  }
}
