/** What is reported of the values that repeated runs measured. */
export interface Spread {
  readonly median: number
  readonly min: number
  readonly max: number
  readonly runs: number
}

/** The middle value, the extremes and how many there were. */
export function spread(values: readonly number[]): Spread {
  const sorted = values.toSorted((a, b) => a - b)
  const upper = sorted[Math.floor(sorted.length / 2)] ?? Number.NaN
  const lower = sorted[Math.floor((sorted.length - 1) / 2)] ?? Number.NaN
  return {
    median: round((lower + upper) / 2),
    min: round(sorted[0] ?? Number.NaN),
    max: round(sorted.at(-1) ?? Number.NaN),
    runs: sorted.length,
  }
}

// More digits than five would only claim a precision that no run here has.
function round(value: number): number {
  return Number.isInteger(value) ? value : Number(value.toPrecision(5))
}
