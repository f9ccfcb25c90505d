import { type ChildProcess, fork } from 'node:child_process'
import type { Case, Measurement } from './scenarios/scenario.ts'
import { DATABASE_PREFIX_VARIABLE } from './servers/postgres-database.ts'
import { createDatabasePrefix, dropDatabases } from './servers/postgres-server.ts'

/** What one child process is to do. */
export interface RunOrder {
  readonly scenario: string
  readonly system: string
  readonly settings: Case
  /** Where to write a CPU profile of the measured part. */
  readonly profile?: string
}

/** What a child process sends when it has done so, or cannot. */
export type RunAnswer =
  { readonly measurements: readonly Measurement[] } | { readonly failure: string }

/**
 * Does one run in a fresh process, so that no run inherits another's heap or compiled code.
 *
 * @throws Error when the process ends without having measured, or lasts longer than `timeoutMs`.
 */
export async function forkRun(
  order: RunOrder,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<readonly Measurement[]> {
  const prefix = createDatabasePrefix()
  const child = fork(new URL('run-once.ts', import.meta.url), [JSON.stringify(order)], {
    execArgv: ['--expose-gc'],
    env: { ...process.env, [DATABASE_PREFIX_VARIABLE]: prefix },
    // Results go to stdout; what a system under measurement prints must not mix with them.
    stdio: ['ignore', 2, 2, 'ipc'],
    timeout: timeoutMs,
    killSignal: 'SIGKILL',
    signal,
  })
  let answer: RunAnswer | undefined
  child.on('message', (message) => {
    answer = message as RunAnswer
  })
  const end = await endOf(child)
  if (answer !== undefined && 'measurements' in answer && end === 'ended with 0') {
    return answer.measurements
  }
  await dropDatabases(prefix)
  const reason = answer !== undefined && 'failure' in answer ? answer.failure : end
  throw new Error(`${order.scenario} of ${order.system}: ${reason}`)
}

/** How a process ended, in words. */
async function endOf(child: ChildProcess): Promise<string> {
  return await new Promise((resolve) => {
    // One that is stopped because of the signal tells so and then exits.
    child.on('error', () => {})
    child.once('exit', (code, stoppedBy) => {
      resolve(stoppedBy === null ? `ended with ${code}` : `was stopped by ${stoppedBy}`)
    })
  })
}
