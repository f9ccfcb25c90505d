import type { JobStore } from '@cgk/jobs-core'

/** How long ended jobs of one status are kept: at most so long and at most so many. */
export interface Retention {
  readonly maxAgeMs: number
  readonly maxCount: number
}

/** The retention a case asks for; a status left out is kept as the adapter keeps it by default. */
export interface HistoryOptions {
  readonly completed?: Retention
  readonly failed?: Retention
  readonly cancelled?: Retention
}

/** What a case asks of the store it opens. */
export interface OpenOptions {
  readonly history?: HistoryOptions
}

/** What an adapter provides to be tested: a way to open stores. */
export interface StoreHarness {
  /** Opens a fresh, empty store that shares nothing with any other. */
  open(options?: OpenOptions): Promise<OpenStore>
  /**
   * How many jobs wait in the case about a very large backlog.
   * @defaultValue 1,000,000
   */
  readonly largestBacklog?: number
}

/** One store under test. */
export interface OpenStore {
  readonly store: JobStore
  /** A second handle on the same data, as another process would have. */
  another(): Promise<JobStore>
  /** Moves the store's clock on, for every handle. Between two calls the clock stands still. */
  advance(ms: number): Promise<void>
  /** What the store's clock says, in epoch milliseconds. */
  now(): Promise<number>
  /** Closes every handle and deletes the data. Also called when a case has closed the store itself. */
  close(): Promise<void>
}
