import {
  createJobQueue,
  createRuntime,
  type JobProcessor,
  type JobQueue,
  type JobQueueConfig,
  type JobsLogger,
  type JobsRuntime,
  type JobStore,
  processJobs,
  type ProcessorConfig,
} from '@cgk/jobs-core'
import { createMemoryStore } from '@cgk/jobs-memory'
import type { ManualPorts, ManualTime } from './manual-time.ts'
import { faultyStore, storeWith } from './store-with.ts'

/** What a process said in its log. */
export interface LogEntry {
  readonly level: 'warn' | 'error'
  readonly message: string
  readonly fields: Readonly<Record<string, unknown>>
}

/** One process of the library under manual time, which can vanish at any moment. */
export class SimulatedProcess {
  readonly log: LogEntry[] = []
  readonly logger: JobsLogger = {
    warn: (message, fields = {}) => void this.log.push({ level: 'warn', message, fields }),
    error: (message, fields = {}) => void this.log.push({ level: 'error', message, fields }),
  }
  readonly store: JobStore
  readonly runtime: JobsRuntime
  readonly #ports: ManualPorts

  /** @param inner - the store, shared with other processes. */
  constructor(time: ManualTime, inner: JobStore = createMemoryStore({ clock: time.clock })) {
    this.#ports = time.ports()
    this.runtime = createRuntime(this.#ports, this.logger)
    this.store = this.connect(inner)
  }

  /** Opens a queue of this process. */
  queue(config: Partial<JobQueueConfig<[]>> = {}): JobQueue {
    return createJobQueue({ name: 'default', store: this.store, runtime: this.runtime, ...config })
  }

  /** Makes and starts a processor in this process. */
  start(config: ProcessorConfig): JobProcessor {
    const processor = processJobs({ logger: this.logger, ...config })
    processor.start()
    return processor
  }

  /** The process is no more: no timer fires, no call leaves it and no answer or hint arrives. */
  die(): void {
    this.#ports.dead = true
  }

  /** The messages logged so far. */
  get messages(): readonly string[] {
    return this.log.map(({ message }) => message)
  }

  /** A store as this process reaches it. */
  connect(inner: JobStore): JobStore {
    const alive = <T>(answer: Promise<T>): Promise<T> =>
      new Promise((resolve, reject) => {
        answer.then(
          (value) => {
            if (!this.#ports.dead) resolve(value)
          },
          (error: unknown) => {
            if (!this.#ports.dead) reject(error)
          },
        )
      })
    const calls = faultyStore(inner, (_operation, proceed) =>
      this.#ports.dead ? new Promise(() => {}) : alive(proceed()),
    )
    if (inner.subscribe === undefined) return calls
    return storeWith(calls, {
      subscribe: (listener) =>
        inner.subscribe!((wakeUp) => {
          if (!this.#ports.dead) listener(wakeUp)
        }),
    })
  }
}
