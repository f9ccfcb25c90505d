import type { ChildProcess } from 'node:child_process'

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

/**
 * Keeps this process alive through the signals that would end it and hands them to a child, which
 * decides what they mean. This process ends when the child has.
 */
export class SignalRelay {
  #child: ChildProcess | undefined
  #early: NodeJS.Signals | undefined

  constructor() {
    for (const signal of SIGNALS) process.on(signal, this.#receive)
  }

  /** Names the child; a signal that came before it was there goes to it now. */
  relayTo(child: ChildProcess): void {
    this.#child = child
    if (this.#early !== undefined) child.kill(this.#early)
  }

  /** Leaves the signals to their defaults again. */
  close(): void {
    for (const signal of SIGNALS) process.off(signal, this.#receive)
  }

  readonly #receive = (signal: NodeJS.Signals): void => {
    if (this.#child === undefined) this.#early = signal
    else this.#child.kill(signal)
  }
}
