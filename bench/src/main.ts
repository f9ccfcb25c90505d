import { parseCommandLine } from './command-line.ts'
import { runScenarios } from './run-scenarios.ts'
import { runTable } from './table/run-table.ts'

const interruption = new AbortController()
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  // A terminal or timeout(1) may send it twice, and what is left behind takes a moment to remove.
  process.on(signal, () => interruption.abort(new Error(`stopped by ${signal}`)))
}

const options = parseCommandLine()
try {
  if (options.command === 'table') await runTable(options, interruption.signal)
  else await runScenarios(options, interruption.signal)
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`)
  process.exitCode = 1
}
