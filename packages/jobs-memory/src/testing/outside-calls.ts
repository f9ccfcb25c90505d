/** Calls of a test's own functions that workers wait for, beside handlers. */
export class OutsideCalls {
  #pending = 0

  get isBusy(): boolean {
    return this.#pending > 0
  }

  /** The same function, counted while its promise is pending. */
  counted<T>(fn: () => T | Promise<T>): () => Promise<T> {
    return async () => {
      this.#pending += 1
      try {
        return await fn()
      } finally {
        this.#pending -= 1
      }
    }
  }
}
