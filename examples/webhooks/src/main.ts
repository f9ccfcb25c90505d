import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { readCommandLine, type CommandLine } from './command-line.ts'
import { serveOutsideApi } from './outside-api/serve-outside-api.ts'
import { chooseStore, type StoreChoice } from './run/choose-store.ts'
import { prepareRun } from './run/prepare-run.ts'
import { runWorker } from './run/run-worker.ts'
import { SignalRelay } from './run/signal-relay.ts'
import { noisyShop } from './shops.ts'

const WRONG_USAGE = 2

const commandLine = readCommandLine(process.argv.slice(2))
const store = chooseStore(process.env)
if ('problem' in commandLine) refuse(commandLine.problem)
else if ('problem' in store) refuse(store.problem)
else process.exitCode = await run(commandLine, store)

function refuse(problem: string): void {
  console.error(problem)
  process.exitCode = WRONG_USAGE
}

async function run(commandLine: CommandLine, store: StoreChoice): Promise<number> {
  const signals = new SignalRelay()
  console.log(`store: ${store.description}`)
  if (commandLine.noisyStore !== undefined) {
    console.log(`store of ${noisyShop} alone: named by --noisy-store`)
  }
  const folder = await mkdtemp(join(tmpdir(), 'cgk-webhooks-'))
  const outsideApi = await serveOutsideApi(commandLine)
  try {
    const prepared = await prepareRun({ ...commandLine, folder, outsideApiUrl: outsideApi.url })
    return await runWorker(prepared, store.urlIn(folder), signals)
  } finally {
    await outsideApi.close()
    await rm(folder, { recursive: true, force: true })
    signals.close()
  }
}
