import { signalExitCode, type StopSignal } from './exit-codes.ts'

const STOP_SIGNALS: readonly StopSignal[] = ['SIGINT', 'SIGTERM']

/**
 * One keystroke can arrive twice: from the terminal, and again from a package manager that passes
 * signals on. A repeat within so many milliseconds is not a second request.
 */
const ONE_KEYSTROKE_MS = 200

/**
 * Calls back on the first signal that asks the process to end; a second one ends it at once.
 *
 * @returns a function that leaves signals to their defaults again.
 */
export function onStopSignal(callback: (signal: StopSignal) => void): () => void {
  let first: { readonly signal: StopSignal; readonly at: number } | null = null
  const listener = (signal: StopSignal): void => {
    const now = performance.now()
    if (first === null) {
      first = { signal, at: now }
      callback(signal)
    } else if (signal !== first.signal || now - first.at >= ONE_KEYSTROKE_MS) {
      process.exit(signalExitCode(signal))
    }
  }
  for (const signal of STOP_SIGNALS) process.on(signal, listener)
  return () => {
    for (const signal of STOP_SIGNALS) process.off(signal, listener)
  }
}
