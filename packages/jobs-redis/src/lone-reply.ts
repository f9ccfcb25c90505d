/** What became of a plain job that came alone, and the claim that came with it where one did. */
export interface LoneReply {
  readonly now: string
  readonly series: string
  readonly serial: number
  /** Not a number where nothing was claimed. */
  readonly claim: number
}

const SERIES_DIGITS = 6

/** How many serials are of one bucket; see `lua/context.ts`. */
const BUCKET = 4096

/** Reads the text that `lua/lone-job.ts` answers: `creation series+bucket field`, and then the number of the claim. */
export function readLoneReply(text: string): LoneReply {
  const [now = '', seriesAndBucket = '', field, claim] = text.split(' ')
  return {
    now,
    series: seriesAndBucket.slice(0, SERIES_DIGITS),
    serial: Number(seriesAndBucket.slice(SERIES_DIGITS)) * BUCKET + Number(field),
    claim: Number(claim),
  }
}
