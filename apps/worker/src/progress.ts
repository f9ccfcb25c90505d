import cliProgress from 'cli-progress'
import type { FileCounts } from './running-worker.ts'

/** What a person sees of a file being read. */
export interface Progress {
  update(bytesRead: number, counts: FileCounts): void
  /** Writes a line that stays. */
  say(line: string): void
  end(): void
}

/** A bar on a terminal when the size is known, else nothing but what is said. */
export function showProgress(stderr: NodeJS.WriteStream, size: number | null): Progress {
  return stderr.isTTY && size !== null ? progressBar(stderr, size) : linesOnly(stderr)
}

function linesOnly(stderr: NodeJS.WriteStream): Progress {
  return {
    update() {},
    say(line) {
      stderr.write(`${line}\n`)
    },
    end() {},
  }
}

function progressBar(stderr: NodeJS.WriteStream, size: number): Progress {
  const bars = new cliProgress.MultiBar({
    format: '{bar} {percentage}%  {enqueued} enqueued, {bad} bad',
    stream: stderr,
    hideCursor: true,
    // Signals are the command's to handle, and it ends the bar.
    gracefulExit: false,
  })
  const bar = bars.create(size, 0, { enqueued: 0, bad: 0 })
  return {
    update(bytesRead, { enqueued, bad }) {
      bar.update(bytesRead, { enqueued, bad })
    },
    say(line) {
      bars.log(`${line}\n`)
    },
    end() {
      bars.update()
      bars.stop()
    },
  }
}
