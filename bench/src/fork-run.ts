import { fork } from 'node:child_process'
import { once } from 'node:events'
import type { Case, Measurement } from './scenarios/scenario.ts'

/** What one child process is to do. */
export interface RunOrder {
  readonly scenario: string
  readonly system: string
  readonly settings: Case
  /** Where to write a CPU profile of the measured part. */
  readonly profile?: string
}

/**
 * Does one run in a fresh process, so that no run inherits another's heap or compiled code.
 *
 * @throws Error when the process ends without having measured, or lasts longer than `timeoutMs`.
 */
export async function forkRun(order: RunOrder, timeoutMs: number): Promise<readonly Measurement[]> {
  const child = fork(new URL('run-once.ts', import.meta.url), [JSON.stringify(order)], {
    execArgv: ['--expose-gc'],
    // Results go to stdout; what a system under measurement prints must not mix with them.
    stdio: ['ignore', 2, 2, 'ipc'],
    timeout: timeoutMs,
    killSignal: 'SIGKILL',
  })
  let measurements: readonly Measurement[] | undefined
  child.on('message', (message) => {
    measurements = message as readonly Measurement[]
  })
  const [code, signal] = (await once(child, 'exit')) as [number | null, string | null]
  if (measurements !== undefined && code === 0) return measurements
  const end = signal === null ? `ended with ${code}` : `was stopped by ${signal}`
  throw new Error(`${order.scenario} of ${order.system} ${end} (${JSON.stringify(order.settings)})`)
}
