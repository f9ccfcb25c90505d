import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'

/** Stands between a client and a server, and does to their connections what networks do. */
export class Proxy implements AsyncDisposable {
  readonly url: string
  readonly #server: Server
  readonly #sockets = new Set<Socket>()
  /** What becomes of connections that are open when it changes; new ones are passed on. */
  readonly #silent = new Set<Socket>()
  #cutAtNextReply = false
  #isSilentToAll = false
  connections = 0

  private constructor(server: Server, target: string) {
    this.#server = server
    const url = new URL(target)
    const { hostname, port } = url
    server.on('connection', (client) => {
      this.connections += 1
      const upstream = connect(Number(port), hostname)
      for (const socket of [client, upstream]) {
        this.#sockets.add(socket)
        socket.on('error', () => {})
        socket.on('close', () => this.#sockets.delete(socket))
      }
      client.on('data', (data) => {
        if (!this.#isSilent(client)) upstream.write(data)
      })
      upstream.on('data', (data) => {
        if (this.#cutAtNextReply) {
          this.#cutAtNextReply = false
          client.destroy()
          upstream.destroy()
        } else if (!this.#isSilent(client)) client.write(data)
      })
      client.on('close', () => upstream.destroy())
      upstream.on('close', () => client.destroy())
    })
    url.host = `127.0.0.1:${(server.address() as AddressInfo).port}`
    this.url = url.href
  }

  static async start(target: string): Promise<Proxy> {
    const server = createServer().listen(0, '127.0.0.1')
    await once(server, 'listening')
    return new Proxy(server, target)
  }

  /** The connections that are open now say nothing any more, in either direction. */
  silence(): void {
    for (const socket of this.#sockets) this.#silent.add(socket)
  }

  /** No connection says anything, new ones neither, until it is called with `false`. */
  silenceAll(silent: boolean): void {
    this.#isSilentToAll = silent
  }

  /** The next answer of the server is lost, and its connection with it. */
  cutAtNextReply(): void {
    this.#cutAtNextReply = true
  }

  /** Every connection is reset. */
  reset(): void {
    for (const socket of this.#sockets) socket.resetAndDestroy()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.close()
    for (const socket of this.#sockets) socket.destroy()
    await once(this.#server, 'close')
  }

  #isSilent(socket: Socket): boolean {
    return this.#isSilentToAll || this.#silent.has(socket)
  }
}
