import type { JobQueue } from '@cgk/jobs'
import type { Run } from '../run/run.ts'
import { writeDirectory } from './directory-file.ts'

/**
 * Edits the directory file once half of the expected jobs have ended, as an operator would: every shop
 * is active then. The worker notices by itself.
 */
export function reactivateMidway(queue: JobQueue, run: Run, expected: number): void {
  let ended = 0
  const count = (): void => {
    ended++
    if (ended < expected / 2) return
    for (const off of listening.splice(0)) off()
    void writeDirectory(run, [])
  }
  const listening = [queue.on('completed', count), queue.on('failed', count)]
}
