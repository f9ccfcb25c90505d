import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { readCommandLine, type CommandLine } from './command-line.ts'
import { serveOutsideApi } from './outside-api/serve-outside-api.ts'
import { prepareRun } from './run/prepare-run.ts'
import { runWorker } from './run/run-worker.ts'
import { SignalRelay } from './run/signal-relay.ts'

const WRONG_USAGE = 2

const commandLine = readCommandLine(process.argv.slice(2))
if ('problem' in commandLine) {
  console.error(commandLine.problem)
  process.exitCode = WRONG_USAGE
} else {
  process.exitCode = await run(commandLine)
}

async function run({ seed, deliveries }: CommandLine): Promise<number> {
  const signals = new SignalRelay()
  const folder = await mkdtemp(join(tmpdir(), 'cgk-webhooks-'))
  const outsideApi = await serveOutsideApi({ seed })
  try {
    const prepared = await prepareRun({ folder, outsideApiUrl: outsideApi.url, seed, deliveries })
    return await runWorker(prepared, signals)
  } finally {
    await outsideApi.close()
    await rm(folder, { recursive: true, force: true })
    signals.close()
  }
}
