import { connect, type Socket } from 'node:net'

/** Where the driver's options say the server is. */
export interface AddressOptions {
  readonly host: readonly string[]
  readonly port: readonly number[]
  readonly path?: string | false | undefined
}

/** Opens sockets to a server, or to one of several that a URL lists: the same until it is left. */
export class ServerAddress {
  #turn = 0

  /** Which of the hosts it is, counted on with each that was left. */
  get turn(): number {
    return this.#turn
  }

  /** Goes on to the next host, unless somebody else who met the same one has done so. */
  leave(turn: number): void {
    if (turn === this.#turn) this.#turn += 1
  }

  /** Begins to connect. */
  open({ host, port, path }: AddressOptions): Socket {
    if (typeof path === 'string') return connect(path)
    const index = this.#turn % host.length
    const name = host[index] ?? 'localhost'
    // The driver's TLS checks the certificate against the host.
    return Object.assign(connect(port[index] ?? 5432, name), { host: name })
  }
}
