import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp } from 'node:fs/promises'
import { type AddressInfo, connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import type { MeasuredServer, ServerUsage } from './measured-server.ts'
import { processTreeCpuMs } from './process-tree.ts'

/** What a server keeps on disk: nothing, or each write, with a sync a second. */
export type Persistence = 'none' | 'aof'

const PROGRAM = 'redis-server'
const START_TIMEOUT_MS = 10_000

const SETTINGS: Readonly<Record<Persistence, readonly string[]>> = {
  none: ['--save', '', '--appendonly', 'no'],
  aof: ['--save', '', '--appendonly', 'yes', '--appendfsync', 'everysec'],
}

// The server ends with us, however we end: the pipe that the shell reads closes with this process.
const RUN_UNTIL_LEFT = `folder=$1; shift; "$@" </dev/null >/dev/null & server=$!
echo "$server"; read -r line; kill "$server" 2>/dev/null; wait "$server"; rm -rf "$folder"`

/** A Redis server of one open queue, started for it; or that of another process. */
export class RedisServer implements MeasuredServer, AsyncDisposable {
  readonly url: string
  readonly #shell: ChildProcess | undefined
  readonly #pid: number | undefined

  private constructor(url: string, shell?: ChildProcess, pid?: number) {
    this.url = url
    this.#shell = shell
    this.#pid = pid
  }

  /**
   * Starts the installed `redis-server` in a temporary folder; or opens that of another process.
   *
   * @param address - the URL of that other server
   */
  static async open(persistence: Persistence, address?: string): Promise<RedisServer> {
    if (address !== undefined) return new RedisServer(address)
    const folder = await mkdtemp(join(tmpdir(), 'cgk-bench-redis-'))
    const port = await freePort()
    const place = ['--dir', folder, '--bind', '127.0.0.1', '--port', String(port)]
    const command = [PROGRAM, ...place, ...SETTINGS[persistence]]
    const shell = spawn('sh', ['-c', RUN_UNTIL_LEFT, 'sh', folder, ...command], {
      stdio: ['pipe', 'pipe', 'inherit'],
      detached: true, // Ctrl-C is for us, who then stop it.
    })
    // Its first line is the number of the server's process.
    const [line] = (await once(shell.stdout, 'data')) as [Buffer]
    await answers(port)
    return new RedisServer(`redis://127.0.0.1:${port}`, shell, Number(line.toString()))
  }

  async settle(): Promise<void> {
    // It puts nothing off.
  }

  async usage(): Promise<ServerUsage> {
    return { cpuMs: this.#pid === undefined ? null : processTreeCpuMs(this.#pid), walBytes: null }
  }

  async usedMemory(): Promise<number> {
    const { Redis } = await import('ioredis')
    const client = new Redis(this.url)
    try {
      return Number(/^used_memory:(\d+)/m.exec(await client.info('memory'))?.[1])
    } finally {
      client.disconnect()
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#shell === undefined) return
    const ended = once(this.#shell, 'exit')
    this.#shell.stdin?.end()
    await ended
  }
}

/**
 * What the installed `redis-server` says of itself, e.g. `7.0.15`.
 *
 * @throws Error where there is none.
 */
export function redisVersion(): string {
  let text: string
  try {
    text = execFileSync(PROGRAM, ['--version'], { encoding: 'utf8' })
  } catch (cause) {
    throw new Error(`what runs on Redis needs ${PROGRAM}: apt-get install redis-server`, { cause })
  }
  return /v=(\S+)/.exec(text)?.[1] ?? text.trim()
}

async function freePort(): Promise<number> {
  const server = createServer()
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}

async function answers(port: number): Promise<void> {
  const deadline = performance.now() + START_TIMEOUT_MS
  while (!(await isAnswering(port))) {
    if (performance.now() > deadline) throw new Error(`${PROGRAM} did not start`)
    await setTimeout(10)
  }
}

async function isAnswering(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1')
  try {
    socket.write('PING\r\n')
    const [answer] = (await once(socket, 'data')) as [Buffer]
    return answer.toString().startsWith('+PONG')
  } catch {
    return false
  } finally {
    socket.destroy()
  }
}
