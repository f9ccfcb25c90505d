import type { Random } from '@cgk/jobs-core'

const SERIAL_DIGITS = 10
const PAIRS: readonly string[] = Array.from({ length: 256 }, (_, byte) => hex(byte, 2))

/**
 * Makes the ids of one queue's jobs whose producer named none: the form of `createJobId`, with the
 * job's serial in place of most of the random digits, so that the id leads to the job without an index.
 */
export class JobIds {
  readonly #series: string
  #madeAt = -1
  /** An id but for its last two digits, good for 256 serials of one millisecond. */
  #stem = ''
  #stemNumber = -1

  constructor(random: Random) {
    this.#series = random.hex(16 - SERIAL_DIGITS)
  }

  make(now: number, serial: number): string {
    const stemNumber = Math.floor(serial / 256)
    if (stemNumber !== this.#stemNumber || now !== this.#madeAt) {
      const digits = hex(stemNumber, SERIAL_DIGITS - 2)
      this.#stem = `job_${Math.trunc(now).toString(36)}_${this.#series}${digits}`
      this.#stemNumber = stemNumber
      this.#madeAt = now
    }
    return this.#stem + PAIRS[serial % 256]!
  }
}

/** The serial in an id that {@link JobIds} made; some number for any other text. */
export function serialIn(id: string): number {
  let serial = 0
  for (let index = id.length - SERIAL_DIGITS; index < id.length; index++) {
    const code = id.charCodeAt(index)
    serial = serial * 16 + (code < 58 ? code - 48 : code - 87)
  }
  return serial
}

function hex(value: number, digits: number): string {
  return value.toString(16).padStart(digits, '0')
}
