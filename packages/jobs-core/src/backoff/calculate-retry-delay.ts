import type { Random } from '../runtime/ports.ts'
import type { RetryConfig } from './retry-policy.ts'

/**
 * The delay after a failed attempt, in milliseconds, before jitter.
 *
 * fixed: `initialDelay`; linear: `initialDelay · attempt`; exponential: `initialDelay · 2^(attempt − 1)`;
 * never more than `maxDelay`.
 *
 * @param attempt - the attempt that failed, from 1.
 */
export function calculateRetryDelay(
  attempt: number,
  initialDelay: number,
  maxDelay: number,
  backoff: 'fixed' | 'linear' | 'exponential',
): number {
  switch (backoff) {
    case 'fixed':
      return Math.min(initialDelay, maxDelay)
    case 'linear':
      return Math.min(initialDelay * attempt, maxDelay)
    case 'exponential':
      // Zero times a power too large to hold would be NaN.
      return initialDelay === 0 ? 0 : Math.min(initialDelay * 2 ** (attempt - 1), maxDelay)
  }
}

/**
 * The delay that is stored after a failed attempt: the policy's, less what jitter takes.
 *
 * Jitter takes an even share of up to `jitter` of the delay, so a delay is never longer than
 * `maxDelay` and, with `jitter` 1, is the "full jitter" of the source.
 *
 * @see https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/
 */
export function retryDelay(
  policy: RetryConfig,
  attempt: number,
  error: unknown,
  random: Random,
): number {
  const { backoff, initialDelay, maxDelay, jitter } = policy
  const delay =
    typeof backoff === 'function'
      ? Math.min(backoff(attempt, error), maxDelay)
      : calculateRetryDelay(attempt, initialDelay, maxDelay, backoff)
  return Math.round(delay * (1 - jitter * random.next()))
}
