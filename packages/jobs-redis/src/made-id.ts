const PAIRS = Array.from({ length: 256 }, (_, low) => low.toString(16).padStart(2, '0'))

/** Of the id that was made last all but two digits: most follow one another, and numbers to a base take their time. */
const last = { series: '', createdAt: Number.NaN, high: Number.NaN, text: '' }

/** The id that the functions make for a job of that creation and serial. */
export function madeId(series: string, createdAt: number, serial: number): string {
  const low = serial % 256
  const high = (serial - low) / 256
  if (high !== last.high || createdAt !== last.createdAt || series !== last.series) {
    const text = `job_${createdAt.toString(36)}_${series}${high.toString(16).padStart(8, '0')}`
    Object.assign(last, { series, createdAt, high, text })
  }
  return last.text + PAIRS[low]!
}
