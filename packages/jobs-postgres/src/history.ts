import { JobsError, type EndState } from '@cgk/jobs-core'

/** How long ended jobs are kept; whichever bound is reached first applies. */
export interface Retention {
  /** Milliseconds since the end; `Infinity` for no bound. Applied by `maintain`. */
  readonly maxAgeMs?: number
  /** Jobs per queue; `Infinity` for no bound. */
  readonly maxCount?: number
}

/** The {@link Retention} of each way to end. */
export type HistoryOptions = { readonly [State in EndState]?: Retention }

/** The bounds that apply, each of them a number. */
export type HistoryBounds = { readonly [State in EndState]: Required<Retention> }

const HOUR_MS = 3_600_000

const DEFAULTS: HistoryBounds = {
  completed: { maxAgeMs: HOUR_MS, maxCount: 10_000 },
  failed: { maxAgeMs: 7 * 24 * HOUR_MS, maxCount: 10_000 },
  cancelled: { maxAgeMs: 7 * 24 * HOUR_MS, maxCount: 10_000 },
}

/** @throws {@link JobsError} `JOBS_INVALID_CONFIG` for a bound that is not a number from 0. */
export function historyBounds(options: HistoryOptions = {}): HistoryBounds {
  return {
    completed: boundsOf('completed', options),
    failed: boundsOf('failed', options),
    cancelled: boundsOf('cancelled', options),
  }
}

function boundsOf(state: EndState, options: HistoryOptions): Required<Retention> {
  const { maxAgeMs, maxCount } = { ...DEFAULTS[state], ...options[state] }
  for (const [name, value] of Object.entries<unknown>({ maxAgeMs, maxCount })) {
    if (typeof value === 'number' && value >= 0) continue
    throw new JobsError(
      'JOBS_INVALID_CONFIG',
      `history.${state}.${name} must be a number from 0, not ${String(value)}`,
    )
  }
  return { maxAgeMs, maxCount }
}
