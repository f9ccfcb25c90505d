/** A piece of what a server says, of which a client hears all or nothing. */
export interface Reply {
  readonly bytes: Buffer
  /** First words of the commands that the server tells to have committed with it. */
  readonly committed: readonly string[]
}

const COMMAND_COMPLETE = 'C'
const ERROR_RESPONSE = 'E'
const READY_FOR_QUERY = 'Z'
const IDLE = 'I'

/**
 * Divides what a Postgres server sends into pieces: what says that commands are complete is one with what
 * says that the server is ready, because only that tells whether they were committed.
 *
 * @see https://www.postgresql.org/docs/current/protocol-message-formats.html
 */
export class Replies {
  #rest: Buffer = Buffer.alloc(0)
  #held: Buffer[] = []
  #complete: string[] = []

  /** The pieces that end with this chunk. */
  take(chunk: Buffer): readonly Reply[] {
    const replies: Reply[] = []
    this.#rest = Buffer.concat([this.#rest, chunk])
    while (this.#rest.length >= 5) {
      const end = 1 + this.#rest.readUInt32BE(1) // The length counts itself, but not the type.
      if (this.#rest.length < end) break
      const message = this.#rest.subarray(0, end)
      this.#rest = this.#rest.subarray(end)
      const type = String.fromCharCode(message[0] ?? 0)
      const text = message.toString('latin1', 5)
      if (type === COMMAND_COMPLETE) this.#complete.push(text.split(/[ \0]/, 1)[0] ?? '')
      this.#held.push(message)
      if (type === ERROR_RESPONSE)
        this.#complete = [] // They were rolled back with what failed.
      else if (this.#complete.length > 0 && type !== READY_FOR_QUERY) continue
      const committed = text === IDLE ? this.#complete : []
      replies.push({ bytes: Buffer.concat(this.#held), committed })
      this.#held = []
      this.#complete = []
    }
    return replies
  }
}
