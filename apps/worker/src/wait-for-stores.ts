import { setTimeout as delay } from 'node:timers/promises'
import type { Logger } from 'pino'
import { ExitError, messageOf } from './exit-error.ts'
import { mayPass, reachStores } from './reach-stores.ts'
import { untilAborted } from './until-aborted.ts'
import type { WorkerStores } from './worker-stores.ts'

const FIRST_PAUSE_MS = 100
const LONGEST_PAUSE_MS = 2_000

/**
 * Waits until the stores answer, however long that takes, and says once what it waits for. Resolves with
 * `false` when the signal aborts first.
 *
 * @throws `ExitError` 4 where waiting is of no use.
 */
export async function waitForStores(
  stores: WorkerStores,
  logger: Logger,
  signal: AbortSignal,
): Promise<boolean> {
  const aborted = untilAborted(signal)
  let said: string | null = null
  for (let pauseMs = FIRST_PAUSE_MS; !signal.aborted; pauseMs *= 2) {
    try {
      await Promise.race([reachStores(stores, logger), aborted])
      if (said !== null && !signal.aborted) logger.info('the stores answer')
      return !signal.aborted
    } catch (error) {
      if (!(error instanceof ExitError) || !mayPass(error)) throw error
      if (error.message === said) logger.debug(`still: ${said}`)
      else logger.warn(`${error.message}; tried again until it can`)
      said = messageOf(error)
    }
    const longest = Math.min(pauseMs, LONGEST_PAUSE_MS)
    await delay(longest * (0.5 + Math.random() / 2), undefined, { signal }).catch(() => {})
  }
  return false
}
