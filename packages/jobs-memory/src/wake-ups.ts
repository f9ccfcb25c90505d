import type { WakeUp } from '@cgk/jobs-core'

/** The hints of one store: collected while a call works, sent once it is done. */
export class WakeUps {
  readonly #listeners = new Set<(wakeUp: WakeUp) => void>()
  readonly #ready = new Set<string>()
  readonly #changed = new Set<string>()

  subscribe(listener: (wakeUp: WakeUp) => void): () => void {
    // A function of our own, so that one listener subscribed twice is two subscriptions.
    const call = (wakeUp: WakeUp): void => {
      listener(wakeUp)
    }
    this.#listeners.add(call)
    return () => {
      this.#listeners.delete(call)
    }
  }

  /** A job of the queue became claimable. */
  ready(queue: string): void {
    if (this.#listeners.size > 0) this.#ready.add(queue)
  }

  /** Leases of the queue were cancelled, or a pause began. */
  changed(queue: string): void {
    if (this.#listeners.size > 0) this.#changed.add(queue)
  }

  /** Sends what was collected. A listener may call the store, so the store must be done. */
  send(): void {
    if (this.#ready.size > 0) this.#sendAll(this.#ready, 'ready')
    if (this.#changed.size > 0) this.#sendAll(this.#changed, 'changed')
  }

  clear(): void {
    this.#listeners.clear()
  }

  #sendAll(collected: Set<string>, reason: WakeUp['reason']): void {
    const queues = [...collected]
    collected.clear()
    for (const queue of queues) {
      for (const listener of this.#listeners) {
        try {
          listener({ queue, reason })
        } catch {
          // The hint is all a listener is owed; its error must not fail the caller's operation.
        }
      }
    }
  }
}
