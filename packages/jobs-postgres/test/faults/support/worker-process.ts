import { type ChildProcessByStdio, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import { fileURLToPath } from 'node:url'
import type { PostgresStoreOptions } from '../../../src/index.ts'

const PROGRAM = fileURLToPath(new URL('./worker-program.ts', import.meta.url))

/** The payload of a job of the worker's. */
export interface Work {
  /** How long the handler takes. */
  readonly ms: number
}

/** How a worker is set up. */
export interface WorkerSettings {
  /** What the results of its jobs say. */
  readonly name: string
  readonly store: PostgresStoreOptions
  readonly maxConcurrency?: number
}

/** A worker of the queue `orders`, in a process of its own. */
export class WorkerProcess implements AsyncDisposable {
  /** The ids of the jobs whose attempts began, in their order. */
  readonly begun: string[] = []
  /** The ids of the jobs whose outcome was refused. */
  readonly lost: string[] = []
  /** What it told its operator. */
  readonly told: string[] = []
  readonly #child: ChildProcessByStdio<null, Readable, Readable>
  readonly #closed: Promise<unknown>

  constructor(settings: WorkerSettings) {
    this.#child = spawn(process.execPath, [PROGRAM, JSON.stringify(settings)], {
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    this.#closed = once(this.#child, 'close')
    createInterface({ input: this.#child.stdout }).on('line', (line) => {
      const [what, id] = line.split(' ') as ['begun' | 'lost', string]
      this[what].push(id)
    })
    createInterface({ input: this.#child.stderr }).on('line', (line) => this.told.push(line))
  }

  get isRunning(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null
  }

  signal(signal: 'SIGSTOP' | 'SIGCONT'): void {
    this.#child.kill(signal)
  }

  /** Ends it as `kill -9` does. */
  async kill(): Promise<void> {
    this.#child.kill('SIGKILL')
    await this.#closed
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.kill()
  }
}
