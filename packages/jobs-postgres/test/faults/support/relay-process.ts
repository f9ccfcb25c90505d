import { type ChildProcessByStdio, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import { fileURLToPath } from 'node:url'

const PROGRAM = fileURLToPath(new URL('./relay-program.ts', import.meta.url))

/** Moments in the life of a relay, in their order. */
export const STEPS = [
  'claiming',
  'claimed',
  'enqueueing',
  'enqueued',
  'settling',
  'settled',
] as const

export type RelayStep = (typeof STEPS)[number]

/** How a relay is set up. */
export interface RelaySettings {
  readonly from: string
  readonly to: { readonly url: string; readonly prefix: string }
  /** It stands still when it first comes to this. */
  readonly stopsAt?: RelayStep
}

/** A relay of the queue `orders` from Postgres to Redis, in a process of its own. */
export class RelayProcess implements AsyncDisposable {
  readonly #child: ChildProcessByStdio<null, Readable, null>
  readonly #closed: Promise<unknown[]>
  readonly #stopped: Promise<unknown[]>

  constructor(settings: RelaySettings) {
    this.#child = spawn(process.execPath, [PROGRAM, JSON.stringify(settings)], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    this.#closed = once(this.#child, 'close')
    this.#stopped = once(createInterface({ input: this.#child.stdout }), 'line')
  }

  /** Resolves with the step at which it stands still. */
  async stoppedAt(): Promise<unknown> {
    const ended = this.#closed.then(() => ['it ended'])
    const [step] = (await Promise.race([this.#stopped, ended])) as [unknown]
    return step
  }

  /** Asks it to end; resolves with its exit code. */
  async end(): Promise<unknown> {
    this.#child.kill('SIGTERM')
    const [code] = (await this.#closed) as [unknown]
    return code
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
