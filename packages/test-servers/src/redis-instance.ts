import { chown, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { serverAccount } from './account.ts'
import { freePort } from './free-port.ts'
import { redisClient } from './redis-client.ts'
import { ServerProcess } from './server-process.ts'

/** A Redis server of our own in a temporary folder, which a test may kill, pause and start again. */
export class RedisInstance implements AsyncDisposable {
  readonly url: string
  readonly port: number
  readonly #folder: string
  readonly #command: readonly string[]
  #server: ServerProcess | undefined
  #isPaused = false

  private constructor(folder: string, port: number, command: readonly string[]) {
    this.#folder = folder
    this.port = port
    this.#command = command
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
    const folder = await newFolder()
    const port = await freePort()
    const usual = { port: String(port), bind: '127.0.0.1', dir: folder, save: '' }
    const options = Object.entries({ ...usual, ...settings }).flatMap(([name, value]) => [
      `--${name}`,
      value,
    ])
    const instance = new RedisInstance(folder, port, [program, ...options])
    await instance.start()
    return instance
  }

  /**
   * @param program - `redis-server` or `valkey-server`
   * @param config - the lines of its sentinel.conf but for those that say where it is
   */
  static async startSentinel(program: string, config: readonly string[]): Promise<RedisInstance> {
    const folder = await newFolder()
    const port = await freePort()
    const file = join(folder, 'sentinel.conf')
    const lines = [`port ${port}`, 'bind 127.0.0.1', `dir ${folder}`, ...config]
    await writeFile(file, lines.join('\n'))
    await own(file)
    const instance = new RedisInstance(folder, port, [program, file, '--sentinel'])
    await instance.start()
    return instance
  }

  /** Whether it answers: it was neither killed nor paused. */
  get isRunning(): boolean {
    return this.#server !== undefined && !this.#isPaused
  }

  /** Starts it again where it was, on the same port, after {@link RedisInstance.kill}. */
  async start(): Promise<void> {
    this.#server = await ServerProcess.start(this.#folder, this.#command, () => this.#isReady())
  }

  /** Ends it with SIGKILL, paused or not, and resolves when it has gone. */
  async kill(): Promise<void> {
    const server = this.#server
    if (server === undefined) return
    this.#server = undefined
    this.#isPaused = false
    server.kill('SIGKILL')
    await server.ended()
  }

  /** Nothing in it goes on, and its connections stay open, until {@link RedisInstance.resume}. */
  pause(): void {
    this.#isPaused = true
    this.#server?.kill('SIGSTOP')
  }

  resume(): void {
    this.#isPaused = false
    this.#server?.kill('SIGCONT')
  }

  /** Runs one command on it, as its operator would. */
  async command(...args: readonly string[]): Promise<unknown> {
    const client = redisClient(this.url)
    await client.connect()
    try {
      return await client.sendCommand([...args])
    } finally {
      client.destroy()
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill()
    await rm(this.#folder, { recursive: true, force: true })
  }

  async #isReady(): Promise<boolean> {
    try {
      // While it reads its data it answers with an error.
      await this.command('PING')
      return true
    } catch {
      return false
    }
  }
}

async function newFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'cgk-redis-'))
  await own(folder)
  return folder
}

/** Lets the account that servers run as write there. */
async function own(path: string): Promise<void> {
  const account = serverAccount()
  if (account !== undefined) await chown(path, account.uid, account.gid)
}
