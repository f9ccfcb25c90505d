import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'

/** Stands between clients and a server, and lets connections fall silent, as networks do. */
export class SilentProxy implements AsyncDisposable {
  readonly url: string
  readonly #server: Server
  readonly #sockets = new Set<Socket>()
  readonly #silent = new Set<Socket>()
  #lastWord: string | undefined

  private constructor(server: Server, target: string) {
    this.#server = server
    const { hostname, port } = new URL(target)
    server.on('connection', (client) => this.#join(client, connect(Number(port), hostname)))
    this.url = `redis://127.0.0.1:${(server.address() as AddressInfo).port}`
  }

  static async start(target: string): Promise<SilentProxy> {
    const server = createServer().listen(0, '127.0.0.1')
    await once(server, 'listening')
    return new SilentProxy(server, target)
  }

  /** The connections that are open now stay so, and say nothing any more, in either direction. */
  silence(): void {
    for (const socket of this.#sockets) this.#silent.add(socket)
  }

  /** The next connection whose client says this does so as well, from then on. */
  silenceAt(word: string): void {
    this.#lastWord = word
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.close()
    for (const socket of this.#sockets) socket.destroy()
    await once(this.#server, 'close')
  }

  #join(client: Socket, upstream: Socket): void {
    client.on('data', (data) => {
      if (this.#lastWord === undefined || !data.includes(this.#lastWord)) return
      this.#lastWord = undefined
      this.#silent.add(client).add(upstream)
    })
    for (const [from, to] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      this.#sockets.add(from)
      from.on('error', () => {}) // 'close' follows.
      from.on('data', (data) => {
        if (!this.#silent.has(from)) to.write(data)
      })
      from.on('close', () => {
        this.#sockets.delete(from)
        if (!this.#silent.has(from)) to.destroy()
      })
    }
  }
}
