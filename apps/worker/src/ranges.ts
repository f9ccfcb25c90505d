/** A whole number's bounds, both included. */
export interface Range {
  readonly min: number
  readonly max: number
}

export const CONCURRENCY: Range = { min: 1, max: 10_000 }
export const PORT: Range = { min: 0, max: 65_535 }
/** Milliseconds; at most a day. */
export const GRACE_PERIOD: Range = { min: 0, max: 86_400_000 }

/** The rule as a message says it after the setting's name. */
export function ruleOf({ min, max }: Range): string {
  return `must be a whole number from ${min} to ${max}`
}

/** @throws `Error` with the rule, when the text is not a whole number in the range. */
export function parseWholeNumber(text: string, range: Range): number {
  const value = /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN
  if (value >= range.min && value <= range.max) return value
  throw new Error(`${ruleOf(range)}, not ${JSON.stringify(text)}`)
}
