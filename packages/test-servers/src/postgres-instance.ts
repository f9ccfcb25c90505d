import { chown, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { serverAccount } from './account.ts'
import { execute } from './execute.ts'
import { freePort } from './free-port.ts'
import { run } from './run.ts'
import type { Certificate } from './self-signed-certificate.ts'
import { sendSignal, ServerProcess } from './server-process.ts'

type Settings = Readonly<Record<string, string | number>>

/**
 * How a server ends: `fast` rolls back and closes every connection, `immediate` leaves the rest to the
 * recovery at the next start, `kill` is SIGKILL to each of its processes.
 */
export type StopMode = 'fast' | 'immediate' | 'kill'

const STOP_SIGNALS = { fast: 'SIGINT', immediate: 'SIGQUIT', kill: 'SIGKILL' } as const

/** A server that is written to, and one that follows it. */
export interface PostgresPair extends AsyncDisposable {
  readonly primary: PostgresInstance
  readonly standby: PostgresInstance
}

/** A Postgres server of our own in a temporary folder, which a test may stop and start. */
export class PostgresInstance implements AsyncDisposable {
  readonly url: string
  readonly #binaries: string
  readonly #folder: string
  readonly #port: number
  readonly #settings: Settings
  #server: ServerProcess | undefined
  /** All of its processes while it is paused. */
  #paused: readonly number[] = []
  #wasKilled = false

  private constructor(binaries: string, folder: string, port: number, settings: Settings) {
    this.#binaries = binaries
    this.#folder = folder
    this.#port = port
    this.#settings = settings
    this.url = `postgres://postgres@127.0.0.1:${port}/postgres`
  }

  /**
   * @param binaries - the folder of `initdb` and `postgres`
   * @param certificate - what the server shows to clients that want TLS; without one it has none
   */
  static async start(binaries: string, certificate?: Certificate): Promise<PostgresInstance> {
    const settings = certificate === undefined ? {} : { ssl: 'on' }
    const instance = await PostgresInstance.#create(binaries, settings)
    await instance.#initialize()
    if (certificate !== undefined) {
      await instance.#write('server.crt', certificate.certificate)
      await instance.#write('server.key', certificate.key)
    }
    await instance.start()
    return instance
  }

  /**
   * Starts a primary, and a standby that streams from it and can be read. The primary waits for nobody:
   * set its `synchronous_standby_names` to `*` where a commit has to be on both.
   */
  static async startPair(binaries: string): Promise<PostgresPair> {
    // A standby that was away finds what it missed.
    const primary = await PostgresInstance.#create(binaries, { wal_keep_size: '1GB' })
    await primary.#initialize()
    const standby = await PostgresInstance.#create(binaries, {
      primary_conninfo: `host=127.0.0.1 port=${primary.#port} user=postgres`,
    })
    await run('cp', ['-R', '-p', primary.#data, standby.#data], { as: serverAccount() })
    await standby.#write('standby.signal', '')
    await primary.start()
    await standby.start()
    return {
      primary,
      standby,
      [Symbol.asyncDispose]: async () => {
        await standby[Symbol.asyncDispose]()
        await primary[Symbol.asyncDispose]()
      },
    }
  }

  static async #create(binaries: string, settings: Settings): Promise<PostgresInstance> {
    const folder = await mkdtemp(join(tmpdir(), 'cgk-postgres-'))
    const account = serverAccount()
    if (account !== undefined) await chown(folder, account.uid, account.gid)
    return new PostgresInstance(binaries, folder, await freePort(), settings)
  }

  /** Starts it again where it was, on the same port, after {@link PostgresInstance.stop}. */
  async start(): Promise<void> {
    const settings = {
      port: this.#port,
      listen_addresses: '127.0.0.1',
      unix_socket_directories: this.#folder,
      max_connections: 200,
      fsync: 'off',
      ...this.#settings,
    }
    const args = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`])
    const command = [join(this.#binaries, 'postgres'), '-D', this.#data, ...args]
    this.#server = await ServerProcess.start(this.#folder, command, (pid) => this.#isReady(pid))
    this.#wasKilled = false
  }

  /** Resolves when all of its processes have gone; one that is paused ends as well. */
  async stop(mode: StopMode): Promise<void> {
    const server = this.#server
    if (server === undefined) return
    this.#server = undefined
    this.#wasKilled = mode === 'kill'
    const children = mode === 'kill' ? await server.children() : []
    server.kill(STOP_SIGNALS[mode])
    for (const pid of children) sendSignal(pid, 'SIGKILL')
    this.resume()
    await server.ended()
  }

  /** Nothing in it goes on, and its connections stay open, until {@link PostgresInstance.resume}. */
  async pause(): Promise<void> {
    if (this.#server === undefined) throw new Error('the server is not running')
    this.#server.kill('SIGSTOP') // First, so that it begins no others.
    this.#paused = [this.#server.pid, ...(await this.#server.children())]
    for (const pid of this.#paused) sendSignal(pid, 'SIGSTOP')
  }

  resume(): void {
    for (const pid of this.#paused) sendSignal(pid, 'SIGCONT')
    this.#paused = []
  }

  /** Makes a standby the primary that it is from here on, whatever became of the other. */
  async promote(): Promise<void> {
    await execute(this.url, 'select pg_promote()')
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // Killed, it has left shared memory behind, which it removes when it ends by itself.
    if (this.#wasKilled) await this.start()
    await this.stop('immediate')
    await rm(this.#folder, { recursive: true, force: true })
  }

  get #data(): string {
    return join(this.#folder, 'data')
  }

  async #initialize(): Promise<void> {
    const options = ['--auth=trust', '--username=postgres', '--encoding=UTF8', '--no-sync']
    await run(join(this.#binaries, 'initdb'), ['--pgdata', this.#data, '--locale=C', ...options], {
      as: serverAccount(),
    })
  }

  /** Writes a file of the server's, which nobody else may read. */
  async #write(name: string, text: string): Promise<void> {
    const file = join(this.#data, name)
    await writeFile(file, text, { mode: 0o600 })
    const account = serverAccount()
    if (account !== undefined) await chown(file, account.uid, account.gid)
  }

  async #isReady(pid: number): Promise<boolean> {
    try {
      const text = await readFile(join(this.#data, 'postmaster.pid'), 'utf8')
      const lines = text.split('\n')
      // A server that was killed has left this file behind.
      return Number(lines[0]) === pid && lines[7]?.trim() === 'ready'
    } catch {
      return false // It has not written the file yet.
    }
  }
}
