/** Lets calls in one after the other, in the order in which they came. */
export class Turns {
  #last: Promise<unknown> = Promise.resolve()

  /**
   * Calls `fn` when those before have ended. If the signal aborts first, `fn` is never called.
   *
   * @throws the reason of the signal
   */
  async take<T>(fn: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    const before = this.#last
    const { promise: ended, resolve: end } = Promise.withResolvers<void>()
    this.#last = Promise.all([before, ended])
    try {
      await untilAborted(before, signal)
      return await fn()
    } finally {
      end()
    }
  }
}

/** Settles like the promise, or rejects with the reason of the signal as soon as it aborts. */
export async function untilAborted<T>(promise: Promise<T>, signal?: AbortSignal): Promise<T> {
  if (signal === undefined) return promise
  signal.throwIfAborted()
  const { promise: aborted, reject } = Promise.withResolvers<never>()
  const onAbort = (): void => reject(signal.reason)
  signal.addEventListener('abort', onAbort)
  try {
    return await Promise.race([promise, aborted])
  } finally {
    signal.removeEventListener('abort', onAbort)
  }
}
