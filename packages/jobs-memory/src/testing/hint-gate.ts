import type { JobStore, WakeUp } from '@cgk/jobs-core'

type Listener = (wakeUp: WakeUp) => void

/**
 * Holds back the hints that there is work, so that workers begin when a test says so and not when it
 * enqueues. What a closed gate held back goes out when it opens.
 */
export class HintGate {
  readonly #listeners = new Map<Listener, Set<WakeUp['queue']>>()
  #isOpen = false

  subscribe(store: JobStore, listener: Listener): () => void {
    const heldBack = new Set<WakeUp['queue']>()
    this.#listeners.set(listener, heldBack)
    const unsubscribe = store.subscribe!((wakeUp) => {
      if (this.#isOpen || wakeUp.reason !== 'ready') listener(wakeUp)
      else heldBack.add(wakeUp.queue)
    })
    return () => {
      this.#listeners.delete(listener)
      unsubscribe()
    }
  }

  open(): void {
    this.#isOpen = true
    for (const [listener, heldBack] of this.#listeners) {
      const queues = [...heldBack]
      heldBack.clear()
      for (const queue of queues) listener({ queue, reason: 'ready' })
    }
  }

  close(): void {
    this.#isOpen = false
  }
}
