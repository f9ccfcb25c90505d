import { setTimeout as delay } from 'node:timers/promises'

/** Repeats a call as its callers do, until it succeeds. */
export async function untilDone<T>(call: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await call()
    } catch (error) {
      if ((error as { retryable?: boolean }).retryable !== true) throw error
      await delay(20)
    }
  }
}
