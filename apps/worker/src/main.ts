#!/usr/bin/env node
import { runCommandLine } from './cli.ts'

const output = [process.stdout, process.stderr]
for (const stream of output) stream.on('error', ignoreClosedPipe)
const exitCode = await runCommandLine(process.argv.slice(2))
// What was printed may still be on its way to a slow reader.
await Promise.all(output.map(flushed))
// Exits by itself: a handler that was abandoned at the end of the grace period may hold on for ever.
process.exit(exitCode)

// A reader that went away, such as `head`, is no reason to drop the jobs in progress.
function ignoreClosedPipe(error: NodeJS.ErrnoException): void {
  if (error.code !== 'EPIPE') throw error
}

function flushed(stream: NodeJS.WriteStream): Promise<void> {
  return new Promise((resolve) => {
    stream.write('', () => {
      resolve()
    })
  })
}
