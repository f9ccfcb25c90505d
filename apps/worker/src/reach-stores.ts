import { isJobsError, type JobStore } from '@cgk/jobs-core'
import type { Logger } from 'pino'
import { EXIT } from './exit-codes.ts'
import { ExitError, messageOf } from './exit-error.ts'
import { pingStore } from './store-ping.ts'
import type { WorkerStores } from './worker-stores.ts'

const DEADLINE_MS = 5_000

/**
 * Resolves when the stores answer. Where one is enough and others do not answer, they are logged.
 *
 * @throws `ExitError` 4 for one that does not; see {@link mayPass}.
 */
export async function reachStores(stores: WorkerStores, logger: Logger): Promise<void> {
  const opened = stores.opened()
  const answers = await Promise.all([...opened].map(([name, store]) => reach(name, store)))
  const silent = answers.filter((error) => error !== null)
  if (silent.length === 0) return
  if (!stores.oneIsEnough) throw silent.find((error) => !mayPass(error)) ?? silent[0]!
  if (silent.length === opened.size) throw silent.find(mayPass) ?? silent[0]!
  for (const { message } of silent) {
    logger.error(`${message}; its tenants wait, and it is tried again`)
  }
}

/** Whether the trouble may be over by itself, as far as the store can tell. */
export function mayPass({ cause }: ExitError): boolean {
  return !isJobsError(cause) || cause.retryable
}

async function reach(name: string, store: JobStore): Promise<ExitError | null> {
  try {
    // Making an embedded database takes as long as it takes.
    await store.open?.()
    await pingStore(store, DEADLINE_MS)
    return null
  } catch (cause) {
    const message = `the store ${name} (${store.name}) cannot be used: ${messageOf(cause)}`
    return new ExitError(EXIT.storeUnreachable, message, { cause })
  }
}
