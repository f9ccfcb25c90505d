import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { constants } from 'node:os'
import { delimiter, dirname } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { PreparedRun } from './prepare-run.ts'
import { RUN_VARIABLE } from './run.ts'
import type { SignalRelay } from './signal-relay.ts'

const WORKER = fileURLToPath(new URL('../../node_modules/.bin/cgk-worker', import.meta.url))
/** Where the adapters are that the example has installed. */
const EXAMPLE = fileURLToPath(new URL('../..', import.meta.url))

/** Runs the worker until it has nothing left to do, or is told to stop. Resolves with its exit code. */
export async function runWorker(
  run: PreparedRun,
  storeUrl: string,
  signals: SignalRelay,
): Promise<number> {
  const args = ['run', '--file', run.deliveriesFile, '--until-idle']
  const worker = spawn(WORKER, args, {
    cwd: EXAMPLE,
    stdio: 'inherit',
    // A group of its own: the terminal's Ctrl-C reaches this process alone, which relays it once.
    detached: true,
    env: {
      ...process.env,
      PATH: pathWithThisNode(),
      JOBS_STORE_URL: storeUrl,
      [RUN_VARIABLE]: run.runFile,
    },
  })
  signals.relayTo(worker)
  const [code, signal] = (await once(worker, 'exit')) as [number | null, NodeJS.Signals | null]
  if (signal === null) return code ?? 1
  console.error(`The worker ended by ${signal} before it could report.`)
  return 128 + constants.signals[signal]
}

/** The worker runs on the Node.js that runs this, whatever else is installed. */
function pathWithThisNode(): string {
  return [dirname(process.execPath), process.env['PATH'] ?? ''].join(delimiter)
}
