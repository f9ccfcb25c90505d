/** The shape of the delays between attempts. */
export type Backoff =
  | 'fixed'
  | 'linear'
  | 'exponential'
  /** From the failed attempt's number (from 1) and its error to milliseconds. */
  | ((attempt: number, error: unknown) => number)

/** How failed attempts are repeated. Durations are milliseconds. */
export interface RetryConfig {
  /** Attempts before the job fails, the first included. @defaultValue 3 */
  readonly maxAttempts: number
  /** @defaultValue 'exponential' */
  readonly backoff: Backoff
  /** The delay after the first failed attempt. @defaultValue 1000 */
  readonly initialDelay: number
  /**
   * No delay is longer, jitter included.
   *
   * @defaultValue 60000; a day where `initialDelay` is longer than that, no limit for a function
   */
  readonly maxDelay: number
  /**
   * The part of each delay, from 0 to 1, that chance may take away, so that jobs that failed together
   * do not return together. 0: none; 1: anything from 0 to the delay. @defaultValue 0.2
   */
  readonly jitter: number
}

/** What applies where nobody said anything else. */
export const DEFAULT_RETRY: RetryConfig = Object.freeze({
  maxAttempts: 3,
  backoff: 'exponential',
  initialDelay: 1000,
  maxDelay: 60_000,
  jitter: 0.2,
})
