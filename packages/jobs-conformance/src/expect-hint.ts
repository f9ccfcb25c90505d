import type { JobStore, WakeUp } from '@cgk/jobs-core'
import { QUEUE } from './new-job.ts'

const PATIENCE_MS = 500
/** How long what a try prepared may still be hinted at. */
const ECHO_MS = 20
const TRIES = 5

/** Why hints are not to be expected of a store. */
export function withoutWakeUps(store: JobStore): string | null {
  return store.subscribe === undefined ? 'the store gives no hints' : null
}

/**
 * Does something until a hint follows. A hint may be lost, so that one try proves nothing; a store
 * that loses five in a row gives none.
 *
 * @param prepare - done before each try; what it is hinted at with is let pass first.
 */
export async function expectHint(
  store: JobStore,
  reason: WakeUp['reason'],
  act: () => Promise<unknown>,
  prepare?: () => Promise<unknown>,
): Promise<void> {
  let heard = (): void => {}
  const stop = store.subscribe?.((wakeUp) => {
    if (wakeUp.queue === QUEUE && wakeUp.reason === reason) heard()
  })
  const isHintedAt = async (action: () => Promise<unknown>, ms: number): Promise<boolean> => {
    const hint = new Promise<boolean>((resolve) => {
      heard = () => resolve(true)
    })
    await action()
    return Promise.race([hint, silence(ms)])
  }
  try {
    for (let round = 0; round < TRIES; round += 1) {
      if (prepare !== undefined) await isHintedAt(prepare, ECHO_MS)
      if (await isHintedAt(act, PATIENCE_MS)) return
    }
  } finally {
    stop?.()
  }
  throw new Error(`no '${reason}' hint in ${TRIES} tries`)
}

// Real time: a hint crosses processes, and no clock of a harness moves that.
function silence(ms: number): Promise<boolean> {
  return new Promise((resolve) => {
    setTimeout(() => resolve(false), ms)
  })
}
