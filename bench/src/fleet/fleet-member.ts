import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'

/** What a worker of a fleet is told to do. */
export interface FleetOrder {
  readonly system: string
  readonly address: string
  readonly slots: number
  readonly handlerMilliseconds: number
}

/** What a worker of a fleet has done so far. */
export interface FleetTally {
  /** Handlers that returned. */
  readonly done: number
  /** Processor time of its process. */
  readonly cpuMs: number
}

/** A worker in a process of its own. Disposing stops it. */
export class FleetMember implements AsyncDisposable {
  readonly #child: ChildProcess
  readonly #ended: Promise<never>

  private constructor(child: ChildProcess) {
    this.#child = child
    this.#ended = once(child, 'exit').then(([code, signal]) => {
      throw new Error(`a worker of the fleet ended with ${code ?? signal}`)
    })
    // Nobody may be asking when it ends as it should.
    this.#ended.catch(() => {})
  }

  /** Resolves when the worker runs. */
  static async start(order: FleetOrder): Promise<FleetMember> {
    const child = fork(new URL('run-member.ts', import.meta.url), [JSON.stringify(order)], {
      stdio: ['ignore', 2, 2, 'ipc'],
    })
    const member = new FleetMember(child)
    await member.#answer()
    return member
  }

  async tally(): Promise<FleetTally> {
    const answer = this.#answer()
    this.#child.send('tally')
    return await answer
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return
    const exit = once(this.#child, 'exit')
    this.#child.send('stop')
    await exit
  }

  async #answer(): Promise<FleetTally> {
    const message = once(this.#child, 'message').then(([tally]) => tally as FleetTally)
    return await Promise.race([message, this.#ended])
  }
}
