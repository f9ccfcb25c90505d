import { JobsError } from '../errors.ts'
import type { Timers } from '../runtime/ports.ts'

const FIRST_PAUSE_MS = 25
const LONGEST_PAUSE_MS = 1_000

/** How long {@link OperatorCalls.drain} waits. */
export interface DrainOptions {
  /** Milliseconds from 0. @defaultValue no limit */
  readonly timeout?: number
  /** Ends the wait, and nothing else: the call rejects with its reason, and the pause stays. */
  readonly signal?: AbortSignal
  /** Called after each look, with how many jobs are still held. What it throws ends the wait. */
  readonly onProgress?: (progress: { readonly leased: number }) => unknown
}

/**
 * Looks until nothing of a scope is leased: soon at first, once a second in the end.
 *
 * @param what - the scope, for the message.
 * @throws {@link JobsError} `JOBS_WAIT_TIMEOUT`; the reason of `signal`; what `leased` throws.
 */
export async function drained(
  what: string,
  { timeout, signal, onProgress }: DrainOptions,
  timers: Timers,
  leased: () => Promise<number>,
): Promise<void> {
  const { promise: over, reject } = Promise.withResolvers<never>()
  // Told of only while somebody waits for it.
  over.catch(() => {})
  let left = 0
  const abort = (): void => {
    reject(signal?.reason as Error)
  }
  signal?.addEventListener('abort', abort)
  const cancelTimeout =
    timeout === undefined
      ? undefined
      : timers.after(timeout, () => {
          reject(notDrained(what, timeout, left))
        })
  try {
    let pauseMs = FIRST_PAUSE_MS
    for (;;) {
      left = await Promise.race([leased(), over])
      await onProgress?.({ leased: left })
      if (left === 0) return
      await waited(pauseMs, timers, over)
      pauseMs = Math.min(pauseMs * 2, LONGEST_PAUSE_MS)
    }
  } finally {
    cancelTimeout?.()
    signal?.removeEventListener('abort', abort)
  }
}

/** @throws what `over` rejects with. */
async function waited(ms: number, timers: Timers, over: Promise<never>): Promise<void> {
  let cancel = (): void => {}
  const elapsed = new Promise<void>((resolve) => {
    cancel = timers.after(ms, resolve)
  })
  try {
    await Promise.race([elapsed, over])
  } finally {
    cancel()
  }
}

function notDrained(what: string, timeout: number, leased: number): JobsError {
  return new JobsError(
    'JOBS_WAIT_TIMEOUT',
    `${what} was not drained after ${timeout} ms: workers hold ${leased} of its jobs; it stays paused, and can be drained again`,
    { retryable: true },
  )
}
