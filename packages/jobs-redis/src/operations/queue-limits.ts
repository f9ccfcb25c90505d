import { JobsError, type LimitChange, type Limits, type LimitState } from '@cgk/jobs-core'

type Change = LimitChange['limits']

/**
 * The share that one of the shards of a queue has in what is said about all of its jobs. Together they are
 * never more than the whole: of so many at a time each has its part, and each starts so many times less often.
 */
export function shareOf(limits: Change, index: number, count: number): Change {
  const { concurrency, rate } = limits
  const part = (whole: number): number => Math.floor((whole + index) / count)
  return {
    ...limits,
    ...(typeof concurrency === 'number' && { concurrency: part(concurrency) }),
    ...(isRate(rate) && {
      rate: { ...rate, periodMs: rate.periodMs * count, burst: part(rate.burst) },
    }),
  }
}

/** What was said about all jobs of a queue, of the shares of its shards. */
export function wholeOf<L extends Limits>(shares: readonly L[]): L {
  const [first] = shares as readonly [L]
  const { concurrency, rate } = first
  return {
    ...first,
    ...(typeof concurrency === 'number' && {
      concurrency: sum(shares.map((share) => share.concurrency as number)),
    }),
    ...(isRate(rate) && {
      rate: {
        ...rate,
        periodMs: rate.periodMs / shares.length,
        burst: sum(shares.map((share) => (isRate(share.rate) ? share.rate.burst : 0))),
      },
    }),
  }
}

/** How all jobs of a queue stand, of how those of its shards do. */
export function wholeState(states: readonly LimitState[]): LimitState {
  const [first] = states as readonly [LimitState]
  return {
    ...first,
    operator: wholeOf(states.map(({ operator }) => operator)),
    directory: wholeOf(states.map(({ directory }) => directory)),
    effective: wholeOf(states.map(({ effective }) => effective)),
    leased: sum(states.map(({ leased }) => leased)),
    opensInMs: Math.min(...states.map(({ opensInMs }) => opensInMs)),
  }
}

/**
 * Looks whether each shard gets its part.
 *
 * @throws {@link JobsError} `JOBS_INVALID_LIMIT` for less than there are shards.
 */
export function checkShares(queue: string, { concurrency, rate }: Change, count: number): void {
  const given = { concurrency, 'rate.burst': isRate(rate) ? rate.burst : undefined }
  for (const [name, value] of Object.entries(given)) {
    if (typeof value !== 'number' || value >= count) continue
    throw new JobsError(
      'JOBS_INVALID_LIMIT',
      `${name} of queue ${queue} is divided among its ${count} shards: it must be ${count} or more, not ${value}`,
    )
  }
}

function isRate(rate: Change['rate']): rate is Exclude<Change['rate'], 'none' | null | undefined> {
  return typeof rate === 'object' && rate !== null
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0)
}
