/** Ranges of ids without a gap. */
export interface IdRanges {
  readonly firsts: readonly string[]
  readonly lasts: readonly string[]
  /** Of the first of each among all ids, from 1. */
  readonly places: readonly number[]
}

/** The ranges that ids make up; these are decimal digits, and ascend. */
export function idRanges(ids: readonly string[]): IdRanges {
  const firsts: string[] = []
  const lasts: string[] = []
  const places: number[] = []
  let next = Number.NaN
  for (const [index, id] of ids.entries()) {
    const number = Number(id)
    if (number === next) {
      lasts[lasts.length - 1] = id
    } else {
      firsts.push(id)
      lasts.push(id)
      places.push(index + 1)
    }
    // Where numbers are not exact each id is a range by itself.
    next = number < Number.MAX_SAFE_INTEGER ? number + 1 : Number.NaN
  }
  return { firsts, lasts, places }
}
