import type { JobProcessor, JobQueue, JobStore } from '@cgk/jobs-core'
import type { Logger } from 'pino'

/** What became of the lines of `--file`; it grows while the file is read. */
export interface FileCounts {
  /** Lines whose job is stored. */
  readonly enqueued: number
  /** Lines that were refused. */
  readonly bad: number
}

/** The worker as its hooks see it. */
export interface RunningWorker {
  /** By the queue's name. */
  readonly queues: ReadonlyMap<string, JobQueue>
  /** By the queue's name. */
  readonly processors: ReadonlyMap<string, JobProcessor>
  /**
   * Those that are open, by the store's name; a config with one `store` has it as `default`. One that
   * the directory names by its URL is called by a digest of it.
   */
  readonly stores: ReadonlyMap<string, JobStore>
  /** The worker's own: JSON lines in production, readable ones on a terminal. */
  readonly logger: Logger
  /** All zero without `--file`. */
  readonly input: FileCounts
  /** Begins to drain, as a first signal does; returns at once. */
  stop(): void
  /**
   * Chooses the exit code, whatever the worker would have said. A hook that throws still makes it 1.
   *
   * @param code - a whole number from 0 to 255.
   */
  setExitCode(code: number): void
}
