import type { Readable } from 'node:stream'

/** No line that could hold a job is longer: a payload and metadata of 256 KiB each, escaped. */
const LONGEST_LINE_BYTES = 4 * 1024 * 1024

const NEWLINE = 0x0a

/** One line of a file: its text, or why it has none. */
export interface Line {
  /** From 1. */
  readonly number: number
  readonly text: string
  readonly problem?: string
}

/** The lines that one read of a stream completed. */
export interface LineBatch {
  readonly lines: readonly Line[]
  /** How far into the stream this batch reaches. */
  readonly bytesRead: number
}

/**
 * Splits a stream into lines, batch by batch as it arrives, so that a slow writer's lines are not
 * held up and a large file is never held whole. Lines without text are left out.
 */
export async function* readLines(stream: Readable): AsyncGenerator<LineBatch> {
  const splitter = new LineSplitter()
  for await (const chunk of stream as AsyncIterable<Buffer>) yield splitter.add(chunk)
  yield splitter.end()
}

class LineSplitter {
  readonly #decoder = new TextDecoder('utf-8', { fatal: true })
  #number = 0
  #bytesRead = 0
  #pending: Buffer[] = []
  #pendingBytes = 0

  add(chunk: Buffer): LineBatch {
    const lines: Line[] = []
    let from = 0
    for (let at = chunk.indexOf(NEWLINE); at >= 0; at = chunk.indexOf(NEWLINE, from)) {
      this.#append(chunk.subarray(from, at))
      this.#finishLine(lines)
      from = at + 1
    }
    this.#append(chunk.subarray(from))
    this.#bytesRead += chunk.length
    return { lines, bytesRead: this.#bytesRead }
  }

  end(): LineBatch {
    const lines: Line[] = []
    if (this.#pendingBytes > 0) this.#finishLine(lines)
    return { lines, bytesRead: this.#bytesRead }
  }

  // Of a line that is too long only the length is kept.
  #append(bytes: Buffer): void {
    this.#pendingBytes += bytes.length
    if (this.#pendingBytes <= LONGEST_LINE_BYTES) this.#pending.push(bytes)
    else this.#pending = []
  }

  #finishLine(lines: Line[]): void {
    this.#number += 1
    const line = this.#decode()
    this.#pending = []
    this.#pendingBytes = 0
    if (line.problem !== undefined || line.text.trim() !== '') lines.push(line)
  }

  #decode(): Line {
    const number = this.#number
    if (this.#pendingBytes > LONGEST_LINE_BYTES) {
      return { number, text: '', problem: `is longer than ${LONGEST_LINE_BYTES} bytes` }
    }
    try {
      return { number, text: this.#decoder.decode(Buffer.concat(this.#pending)) }
    } catch {
      return { number, text: '', problem: 'is not UTF-8' }
    }
  }
}
