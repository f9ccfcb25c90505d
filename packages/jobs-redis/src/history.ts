import { JobsError, type EndState } from '@cgk/jobs-core'

/** How long ended jobs are kept; whichever bound is reached first applies. */
export interface Retention {
  /** Milliseconds since the end; `Infinity` for no bound. Applied by `maintain`. */
  readonly maxAgeMs?: number
  /** Jobs per queue; `Infinity` for no bound. Applied as soon as a job ends. */
  readonly maxCount?: number
}

/** The {@link Retention} of each way to end. */
export type HistoryOptions = { readonly [State in EndState]?: Retention }

/** Of completed, failed and cancelled jobs, as the functions take them. */
export type MaxCounts = readonly [string, string, string]

const HOUR_MS = 3_600_000

const DEFAULTS: { readonly [State in EndState]: Required<Retention> } = {
  completed: { maxAgeMs: HOUR_MS, maxCount: 10_000 },
  failed: { maxAgeMs: 7 * 24 * HOUR_MS, maxCount: 10_000 },
  cancelled: { maxAgeMs: 7 * 24 * HOUR_MS, maxCount: 10_000 },
}

const STATES = ['completed', 'failed', 'cancelled'] as const

/**
 * Fills in the defaults.
 *
 * @throws {@link JobsError} `JOBS_INVALID_CONFIG` for a bound that is not a number from 0.
 */
export function resolveHistory(options: HistoryOptions = {}): {
  readonly maxCounts: MaxCounts
  readonly maxAges: readonly string[]
} {
  const shelves = STATES.map((state) => resolve(state, options))
  const [completed, failed, cancelled] = shelves.map(({ maxCount }) => luaNumber(maxCount))
  return {
    maxCounts: [completed!, failed!, cancelled!],
    maxAges: shelves.map(({ maxAgeMs }) => luaNumber(maxAgeMs)),
  }
}

function resolve(state: EndState, options: HistoryOptions): Required<Retention> {
  const { maxAgeMs, maxCount } = { ...DEFAULTS[state], ...options[state] }
  for (const [name, value] of Object.entries<unknown>({ maxAgeMs, maxCount })) {
    if (typeof value !== 'number' || !(value >= 0)) {
      throw new JobsError(
        'JOBS_INVALID_CONFIG',
        `history.${state}.${name} must be a number from 0, not ${String(value)}`,
      )
    }
  }
  return { maxAgeMs, maxCount }
}

function luaNumber(value: number): string {
  return value === Infinity ? 'inf' : String(value)
}
