import type { JobProcessor } from '@cgk/jobs-core'

/** The processors of a test. They start when it first lets work be done. */
export class Workers {
  readonly #processors: JobProcessor[] = []

  add(processor: JobProcessor): void {
    this.#processors.push(processor)
  }

  /** Attempts under way. */
  get running(): number {
    return this.#processors.reduce((sum, processor) => sum + processor.status().running, 0)
  }

  /** Starts those that have not begun. */
  start(): void {
    for (const processor of this.#processors) {
      if (processor.status().state === 'idle') processor.start()
    }
  }

  /** Stops all of them; what runs is aborted. */
  async stop(): Promise<void> {
    await Promise.all(this.#processors.map((processor) => processor.stop({ gracePeriod: 0 })))
  }
}
