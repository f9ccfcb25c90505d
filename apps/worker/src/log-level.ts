/** How much the worker logs: lines of this level and above. */
export type LogLevel = 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'fatal' | 'silent'

export const LOG_LEVELS: readonly LogLevel[] = [
  'trace',
  'debug',
  'info',
  'warn',
  'error',
  'fatal',
  'silent',
]

/** @throws `Error` with the rule, when the text is not a level. */
export function parseLogLevel(text: string): LogLevel {
  const level = LOG_LEVELS.find((known) => known === text)
  if (level !== undefined) return level
  throw new Error(`must be one of ${LOG_LEVELS.join(', ')}, not ${JSON.stringify(text)}`)
}
