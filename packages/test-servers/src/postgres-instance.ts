import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chown, mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { serverAccount } from './account.ts'
import { freePort } from './free-port.ts'
import { run } from './run.ts'

const STOP_SIGNALS = { fast: 'SIGINT', immediate: 'SIGQUIT' } as const

// The server ends with us, however we end: the pipe that the shell reads closes with this process.
// A line from us is a stop; without one nobody will come back for the folder.
const RUN_UNTIL_TOLD = `folder=$1; shift; "$@" </dev/null & server=$!
read -r line; told=$?
kill -INT "$server" 2>/dev/null; wait "$server"
[ "$told" = 0 ] || rm -rf "$folder"`

/** A Postgres server of our own in a temporary folder, which a test may stop and start. */
export class PostgresInstance implements AsyncDisposable {
  readonly url: string
  readonly #binaries: string
  readonly #folder: string
  readonly #port: number
  #server: ChildProcess | undefined

  private constructor(binaries: string, folder: string, port: number) {
    this.#binaries = binaries
    this.#folder = folder
    this.#port = port
    this.url = `postgres://postgres@127.0.0.1:${port}/postgres`
  }

  /** @param binaries - the folder of `initdb` and `postgres` */
  static async start(binaries: string): Promise<PostgresInstance> {
    const folder = await mkdtemp(join(tmpdir(), 'cgk-postgres-'))
    const account = serverAccount()
    if (account !== undefined) await chown(folder, account.uid, account.gid)
    const data = join(folder, 'data')
    const options = ['--auth=trust', '--username=postgres', '--encoding=UTF8', '--no-sync']
    await run(join(binaries, 'initdb'), ['--pgdata', data, '--locale=C', ...options], {
      as: account,
    })
    const instance = new PostgresInstance(binaries, folder, await freePort())
    await instance.start()
    return instance
  }

  async start(): Promise<void> {
    const settings = {
      port: this.#port,
      listen_addresses: '127.0.0.1',
      unix_socket_directories: this.#folder,
      max_connections: 200,
      fsync: 'off',
    }
    const args = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`])
    const data = join(this.#folder, 'data')
    const account = serverAccount()
    const command = [join(this.#binaries, 'postgres'), '-D', data, ...args]
    const server = spawn('sh', ['-c', RUN_UNTIL_TOLD, 'sh', this.#folder, ...command], {
      stdio: ['pipe', 'ignore', 'pipe'],
      cwd: '/',
      detached: true, // Ctrl-C is for the tests, which then stop the server.
      ...(account && { uid: account.uid, gid: account.gid }),
    })
    this.#server = server
    let log = ''
    server.stderr.on('data', (chunk: Buffer) => (log += chunk.toString()))
    const deadline = Date.now() + 30_000
    while ((await this.#postmaster())?.status !== 'ready') {
      if (Date.now() > deadline) throw new Error(`Postgres did not start:\n${log}`)
      await delay(10)
    }
  }

  async stop(mode: 'fast' | 'immediate'): Promise<void> {
    const server = this.#server
    if (server === undefined) return
    this.#server = undefined
    const ended = once(server, 'close')
    const postmaster = await this.#postmaster()
    if (postmaster !== undefined) process.kill(postmaster.pid, STOP_SIGNALS[mode])
    server.stdin?.end('\n')
    await ended
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop('immediate')
    await rm(this.#folder, { recursive: true, force: true })
  }

  async #postmaster(): Promise<{ readonly pid: number; readonly status: string } | undefined> {
    try {
      const lines = (await readFile(join(this.#folder, 'data', 'postmaster.pid'), 'utf8')).split(
        '\n',
      )
      return { pid: Number(lines[0]), status: lines[7]?.trim() ?? '' }
    } catch {
      return undefined
    }
  }
}
