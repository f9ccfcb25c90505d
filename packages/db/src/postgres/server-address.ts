import { connect, type Socket } from 'node:net'

/** Where the driver's options say the server is. */
export interface AddressOptions {
  readonly host: readonly string[]
  readonly port: readonly number[]
  readonly path?: string | false | undefined
}

/** Opens sockets to a server, or to one of several that a URL lists, in turn. */
export class ServerAddress {
  #turn = 0

  /** Goes on to the next host: this one did not answer, or turned out to be read-only. */
  advance(): void {
    this.#turn += 1
  }

  /** Begins to connect. */
  open(options: AddressOptions): Socket {
    if (typeof options.path === 'string') return connect(options.path)
    const index = this.#turn % options.host.length
    const host = options.host[index] ?? 'localhost'
    const socket = connect(options.port[index] ?? 5432, host)
    // The driver's TLS checks the certificate against this name.
    return Object.assign(socket, { host })
  }
}
