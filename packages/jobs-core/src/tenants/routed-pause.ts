import type { QueuePlace, QueueRoutes } from './queue-routes.ts'

/** Pauses a queue in all its stores. What the default one says holds; the others follow it. */
export class RoutedPause {
  readonly #routes: QueueRoutes

  constructor(routes: QueueRoutes) {
    this.#routes = routes
  }

  pause(): Promise<void> {
    return this.#everywhere(({ queue }) => queue.pause())
  }

  resume(): Promise<void> {
    return this.#everywhere(({ queue }) => queue.resume())
  }

  async isPaused(): Promise<boolean> {
    const [first] = await this.#routes.all()
    return first!.queue.isPaused()
  }

  /** @throws what a store said that could not be told; a worker tells it later, see `followDefault`. */
  async #everywhere(act: (place: QueuePlace) => Promise<void>): Promise<void> {
    const [first, ...others] = await this.#routes.all()
    await act(first!)
    const answers = await Promise.allSettled(others.map(act))
    for (const answer of answers) if (answer.status === 'rejected') throw answer.reason
  }
}
