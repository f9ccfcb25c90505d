import { type ChildProcessByStdio, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { createInterface } from 'node:readline'
import type { Readable, Writable } from 'node:stream'
import { setTimeout as delay } from 'node:timers/promises'
import { serverAccount } from './account.ts'
import { run } from './run.ts'

// The server ends with us, however we end: the pipe that the shell reads closes with this process.
// A line from us says that we see to the rest; without one nobody will come back for the folder. Of a
// shell's background programs only those that ask for it hear of QUIT, which ends Postgres at once; TERM ends
// the others. A server that is paused gets its signal when it goes on.
const RUN_UNTIL_LEFT = `folder=$1; shift; "$@" </dev/null >/dev/null & server=$!
exec 2>/dev/null; echo "$server"
if ! read -r line; then for signal in QUIT TERM CONT; do kill -$signal "$server"; done; fi
wait "$server"; [ -n "$line" ] || rm -rf "$folder"`

const START_TIMEOUT_MS = 30_000

/** A server program that we started. */
export class ServerProcess {
  readonly pid: number
  readonly #shell: ChildProcessByStdio<Writable, Readable, Readable>
  /** The program and all that it began have let go of the log. */
  readonly #ended: Promise<void>
  #log = ''
  #hasEnded = false

  private constructor(shell: ChildProcessByStdio<Writable, Readable, Readable>, pid: number) {
    this.pid = pid
    this.#shell = shell
    shell.stderr.on('data', (chunk: Buffer) => (this.#log += chunk.toString()))
    this.#ended = once(shell.stderr, 'end').then(() => void (this.#hasEnded = true))
  }

  /**
   * Starts a program, as an account that servers may run as.
   *
   * @param folder - removed if this process ends before the server has
   * @param isReady - asked until it says so
   */
  static async start(
    folder: string,
    command: readonly string[],
    isReady: (pid: number) => Promise<boolean>,
  ): Promise<ServerProcess> {
    const account = serverAccount()
    const shell = spawn('sh', ['-c', RUN_UNTIL_LEFT, 'sh', folder, ...command], {
      stdio: ['pipe', 'pipe', 'pipe'],
      cwd: '/',
      detached: true, // Ctrl-C is for the tests, which then stop the server.
      ...(account && { uid: account.uid, gid: account.gid }),
    })
    const [pid] = (await once(createInterface(shell.stdout), 'line')) as [string]
    const server = new ServerProcess(shell, Number(pid))
    const deadline = Date.now() + START_TIMEOUT_MS
    while (!(await isReady(server.pid))) {
      if (server.#hasEnded || Date.now() > deadline) {
        server.kill('SIGKILL')
        await server.ended()
        throw new Error(`${command[0]} did not start:\n${server.#log.trim()}`)
      }
      await delay(10)
    }
    return server
  }

  /** Sends a signal to the program, unless it has gone. */
  kill(signal: NodeJS.Signals): void {
    sendSignal(this.pid, signal)
  }

  /** The processes that the program has begun. */
  async children(): Promise<readonly number[]> {
    const list =
      process.platform === 'linux'
        ? await readFile(`/proc/${this.pid}/task/${this.pid}/children`, 'utf8')
        : await run('pgrep', ['-P', String(this.pid)])
    return list.trim().split(/\s+/).map(Number)
  }

  /** Waits until the program, which was told to end, and all that it began have gone. */
  async ended(): Promise<void> {
    await this.#ended
    if (this.#shell.exitCode !== null) return
    this.#shell.stdin.end('left\n')
    await once(this.#shell, 'exit')
  }
}

/** Sends a signal to a process, unless it has gone. */
export function sendSignal(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
  }
}
