import { checkHeaders } from '../job/check-headers.ts'

/** The headers of a job as its attempt sees and changes them. */
export class AttemptHeaders {
  /** A plain map: whatever name it is asked for, it has what was put there and nothing else. */
  readonly values: Record<string, string>
  readonly #stored: string

  /** @param text - as the job was claimed with. */
  constructor(text: string | null) {
    this.values = Object.assign(Object.create(null), parseHeaders(text)) as Record<string, string>
    this.#stored = JSON.stringify(this.values)
  }

  /**
   * JSON text, if the attempt changed anything.
   *
   * @throws {@link JobsError} as `checkHeaders`
   */
  changed(): string | undefined {
    const text = checkHeaders(this.values)
    return text === this.#stored ? undefined : text
  }
}

function parseHeaders(text: string | null): object | null {
  try {
    return text === null ? null : (JSON.parse(text) as object)
  } catch {
    // Of headers that cannot be read none is left; they must not stop the job.
    return null
  }
}
