import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { vi } from 'vitest'

// Processes take a while to start where many tests run at once.
vi.setConfig({ hookTimeout: 180_000, testTimeout: 180_000 })

const MAIN = fileURLToPath(new URL('../src/main.ts', import.meta.url))

/** Where the config files of the tests lie. */
const FIXTURES = fileURLToPath(new URL('./fixtures', import.meta.url))

/** How a `cgk-worker` is started. */
export interface WorkerOptions {
  readonly cwd?: string
  readonly env?: Readonly<Record<string, string>>
  /** All of standard input. Without it the input stays open. */
  readonly input?: string
}

/** A log line, as JSON. */
export type LogLine = Readonly<Record<string, unknown>>

/** A real `cgk-worker` in a process of its own. */
export class WorkerProcess implements AsyncDisposable {
  readonly stdout: string[] = []
  readonly stderr: string[] = []
  readonly #child: ChildProcessWithoutNullStreams
  readonly #waiting = new Set<() => void>()
  readonly #closed: Promise<unknown>

  constructor(args: readonly string[], { cwd = FIXTURES, env = {}, input }: WorkerOptions = {}) {
    this.#child = spawn(process.execPath, [MAIN, ...args], {
      cwd,
      env: { PATH: process.env['PATH'] ?? '', ...env },
    })
    this.#closed = once(this.#child, 'close')
    this.#collect('stdout')
    this.#collect('stderr')
    if (input !== undefined) this.end(input)
  }

  /** The log lines so far. */
  get log(): LogLine[] {
    return this.stdout
      .filter((line) => line.startsWith('{'))
      .map((line) => JSON.parse(line) as LogLine)
  }

  /** What was printed beside the log. */
  get printed(): string[] {
    return this.stdout.filter((line) => !line.startsWith('{'))
  }

  /** Resolves with what `find` finds once it finds something. Rejects if the process ends first. */
  until<T>(find: () => T | undefined): Promise<T> {
    return new Promise((resolve, reject) => {
      const look = (): void => {
        const found = find()
        if (found === undefined) return
        this.#waiting.delete(look)
        resolve(found)
      }
      this.#waiting.add(look)
      void this.#closed.then(() => {
        reject(new Error(`it never came:\n${[...this.stdout, ...this.stderr].join('\n')}`))
      })
      look()
    })
  }

  untilPrinted(line: string): Promise<string> {
    return this.until(() => this.stdout.find((printed) => printed === line))
  }

  untilLogged(message: string): Promise<LogLine> {
    return this.until(() => this.log.find(({ msg }) => String(msg).includes(message)))
  }

  write(input: string | Uint8Array): void {
    this.#child.stdin.write(input)
  }

  end(input: string): void {
    this.#child.stdin.end(input)
  }

  /** Stops reading what the worker prints. */
  hangUp(): void {
    this.#child.stdout.destroy()
  }

  kill(signal: NodeJS.Signals): void {
    this.#child.kill(signal)
  }

  /** Resolves when the process has ended and its output is read. */
  async exitCode(): Promise<number | null> {
    await this.#closed
    return this.#child.exitCode
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill('SIGKILL')
    await this.#closed
  }

  #collect(name: 'stdout' | 'stderr'): void {
    createInterface({ input: this.#child[name] }).on('line', (line) => {
      this[name].push(line)
      for (const look of this.#waiting) look()
    })
  }
}

/** Runs a command line to its end. */
export async function runToEnd(
  args: readonly string[],
  options: WorkerOptions = {},
): Promise<{ readonly worker: WorkerProcess; readonly exitCode: number | null }> {
  const worker = new WorkerProcess(args, { input: '', ...options })
  return { worker, exitCode: await worker.exitCode() }
}

/** Jobs as the lines of a file. */
export function jobLines(...jobs: readonly unknown[]): string {
  return jobs.map((job) => `${typeof job === 'string' ? job : JSON.stringify(job)}\n`).join('')
}
