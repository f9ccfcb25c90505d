import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'
import { Replies } from './replies.ts'

/**
 * Stands between clients and a Postgres server, and does to their connections what networks do. Not for
 * TLS, which it cannot look into.
 */
export class PostgresProxy implements AsyncDisposable {
  readonly url: string
  readonly #server: Server
  readonly #sockets = new Set<Socket>()
  /** Those that were open when they were silenced. */
  readonly #silent = new Set<Socket>()
  readonly #cuts: { readonly command: string; spared: number; readonly done: () => void }[] = []
  #cutAtNextReply = false
  #isSilentToAll = false
  connections = 0

  private constructor(server: Server, target: string) {
    this.#server = server
    const url = new URL(target)
    const { hostname, port } = url
    server.on('connection', (client) => {
      this.connections += 1
      this.#join(client, connect(Number(port === '' ? 5432 : port), hostname))
    })
    url.host = `127.0.0.1:${(server.address() as AddressInfo).port}`
    this.url = url.href
  }

  static async start(target: string): Promise<PostgresProxy> {
    const server = createServer().listen(0, '127.0.0.1')
    await once(server, 'listening')
    return new PostgresProxy(server, target)
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

  /**
   * The next time that the server has committed a command, its client is not told, and loses the
   * connection.
   *
   * @param command - `COMMIT`, or what committed by itself: the first word of the tag that ends the
   * answer, as `INSERT`, `UPDATE` or `SELECT`
   * @param spared - how many such commands go by before
   * @returns when it has happened
   */
  cutAfter(command: string, spared = 0): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#cuts.push({ command, spared, done: resolve })
    return promise
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

  #join(client: Socket, upstream: Socket): void {
    for (const socket of [client, upstream]) {
      this.#sockets.add(socket)
      socket.setNoDelay(true)
      socket.on('error', () => {}) // 'close' follows.
      socket.on('close', () => this.#sockets.delete(socket))
    }
    client.on('data', (data) => {
      if (!this.#isSilent(client)) upstream.write(data)
    })
    const replies = new Replies()
    upstream.on('data', (data) => {
      if (this.#isSilent(client)) return
      for (const { bytes, committed } of replies.take(data)) {
        if (this.#isToBeCut(committed)) return void client.destroy()
        client.write(bytes)
      }
    })
    client.on('close', () => upstream.destroy())
    upstream.on('close', () => client.destroy())
  }

  #isToBeCut(committed: readonly string[]): boolean {
    if (this.#cutAtNextReply) {
      this.#cutAtNextReply = false
      return true
    }
    const index = this.#cuts.findIndex(({ command }) => committed.includes(command))
    if (index === -1) return false
    if (this.#cuts[index]!.spared-- > 0) return false
    for (const { done } of this.#cuts.splice(index, 1)) done()
    return true
  }

  #isSilent(socket: Socket): boolean {
    return this.#isSilentToAll || this.#silent.has(socket)
  }
}
