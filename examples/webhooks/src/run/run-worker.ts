import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { constants } from 'node:os'
import { delimiter, dirname } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { PreparedRun } from './prepare-run.ts'
import { RUN_VARIABLE } from './run.ts'
import type { SignalRelay } from './signal-relay.ts'

const WORKER = fileURLToPath(new URL('../../node_modules/.bin/cgk-worker', import.meta.url))
const CONFIG = fileURLToPath(new URL('../../jobs.config.ts', import.meta.url))

/** Runs the worker until it has nothing left to do, or is told to stop. Resolves with its exit code. */
export async function runWorker(run: PreparedRun, signals: SignalRelay): Promise<number> {
  const args = ['run', '--config', CONFIG, '--file', run.deliveriesFile, '--until-idle']
  const worker = spawn(WORKER, args, {
    stdio: 'inherit',
    // A group of its own: the terminal's Ctrl-C reaches this process alone, which relays it once.
    detached: true,
    env: { ...process.env, PATH: pathWithThisNode(), [RUN_VARIABLE]: run.runFile },
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
