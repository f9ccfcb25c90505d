import type { JobQueue } from '@cgk/jobs'

/**
 * Pauses the queue until so many jobs are in, as after a night in which deliveries came and nobody
 * worked: so there is something to share from the first start on.
 */
export async function openOnceIn(queue: JobQueue, jobs: number): Promise<void> {
  await queue.pause()
  let enqueued = 0
  const off = queue.on('enqueued', () => {
    enqueued++
    if (enqueued < jobs) return
    off()
    void queue.resume()
  })
}
