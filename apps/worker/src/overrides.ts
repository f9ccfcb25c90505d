import { usageError, messageOf } from './exit-error.ts'
import { type LogLevel, parseLogLevel } from './log-level.ts'
import { CONCURRENCY, GRACE_PERIOD, parseWholeNumber, PORT } from './ranges.ts'

/** What the command line or the environment says in place of the config file. */
export interface Overrides {
  readonly store?: string
  readonly concurrency?: number
  readonly healthPort?: number
  readonly gracePeriod?: number
  readonly logLevel?: LogLevel
}

/** How each override is read from text; throws an `Error` that says the rule. */
export const parseOverride: {
  readonly [K in keyof Overrides]-?: (text: string) => NonNullable<Overrides[K]>
} = {
  store: (text) => text,
  concurrency: (text) => parseWholeNumber(text, CONCURRENCY),
  healthPort: (text) => parseWholeNumber(text, PORT),
  gracePeriod: (text) => parseWholeNumber(text, GRACE_PERIOD),
  logLevel: parseLogLevel,
}

/**
 * The overrides of an environment. An empty variable counts as absent.
 *
 * @throws `ExitError` 2 naming the variable that is wrong.
 */
export function readEnvironment(env: NodeJS.ProcessEnv): Overrides {
  const read = <T>(variable: string, parse: (text: string) => T): T | undefined => {
    const text = env[variable]
    if (text === undefined || text === '') return undefined
    try {
      return parse(text)
    } catch (cause) {
      throw usageError(`${variable} ${messageOf(cause)}`, { cause })
    }
  }
  const store = read('JOBS_STORE_URL', parseOverride.store)
  const concurrency = read('JOBS_CONCURRENCY', parseOverride.concurrency)
  const healthPort = read('JOBS_HEALTH_PORT', parseOverride.healthPort)
  const gracePeriod = read('JOBS_GRACE_PERIOD', parseOverride.gracePeriod)
  const logLevel = read('JOBS_LOG_LEVEL', parseOverride.logLevel)
  return {
    ...(store !== undefined && { store }),
    ...(concurrency !== undefined && { concurrency }),
    ...(healthPort !== undefined && { healthPort }),
    ...(gracePeriod !== undefined && { gracePeriod }),
    ...(logLevel !== undefined && { logLevel }),
  }
}
