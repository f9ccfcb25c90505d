import { createClient } from '@redis/client'
import { chown, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { serverAccount } from './account.ts'
import { freePort } from './free-port.ts'
import { ServerProcess } from './server-process.ts'

/** A Redis server of our own in a temporary folder, which a test may kill, pause and start again. */
export class RedisInstance implements AsyncDisposable {
  readonly url: string
  readonly #program: string
  readonly #folder: string
  readonly #port: number
  readonly #settings: readonly string[]
  #server: ServerProcess | undefined

  private constructor(
    program: string,
    folder: string,
    port: number,
    settings: Readonly<Record<string, string>>,
  ) {
    this.#program = program
    this.#folder = folder
    this.#port = port
    this.#settings = Object.entries(settings).flatMap(([name, value]) => [`--${name}`, value])
    this.url = `redis://127.0.0.1:${port}`
  }

  /**
   * @param program - `redis-server` or `valkey-server`
   * @param settings - of redis.conf; without any it keeps nothing over a restart
   */
  static async start(
    program: string,
    settings: Readonly<Record<string, string>> = {},
  ): Promise<RedisInstance> {
    const folder = await mkdtemp(join(tmpdir(), 'cgk-redis-'))
    const account = serverAccount()
    if (account !== undefined) await chown(folder, account.uid, account.gid)
    const instance = new RedisInstance(program, folder, await freePort(), settings)
    await instance.start()
    return instance
  }

  /** Starts it again where it was, on the same port, after {@link RedisInstance.kill}. */
  async start(): Promise<void> {
    const own = ['--port', String(this.#port), '--bind', '127.0.0.1', '--dir', this.#folder]
    const command = [this.#program, ...own, '--save', '', ...this.#settings]
    this.#server = await ServerProcess.start(this.#folder, command, () => this.#isReady())
  }

  /** Ends it with SIGKILL, paused or not, and resolves when it has gone. */
  async kill(): Promise<void> {
    const server = this.#server
    if (server === undefined) return
    this.#server = undefined
    server.kill('SIGKILL')
    await server.ended()
  }

  /** Nothing in it goes on, and its connections stay open, until {@link RedisInstance.resume}. */
  pause(): void {
    this.#server?.kill('SIGSTOP')
  }

  resume(): void {
    this.#server?.kill('SIGCONT')
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill()
    await rm(this.#folder, { recursive: true, force: true })
  }

  async #isReady(): Promise<boolean> {
    const client = createClient({ url: this.url, socket: { reconnectStrategy: false } })
    client.on('error', () => {})
    try {
      await client.connect()
      // While it reads its data it answers with an error.
      await client.ping()
      return true
    } catch {
      return false
    } finally {
      if (client.isOpen) client.destroy()
    }
  }
}
