/** What the process says about itself when it ends. */
export const EXIT = {
  ok: 0,
  failure: 1,
  usage: 2,
  storeUnreachable: 4,
  partial: 5,
} as const

/** The exit code of a process that a signal ended: 130 for SIGINT, 143 for SIGTERM. */
export function signalExitCode(signal: StopSignal): number {
  return signal === 'SIGINT' ? 130 : 143
}

/** The signals that ask the process to end. */
export type StopSignal = 'SIGINT' | 'SIGTERM'
