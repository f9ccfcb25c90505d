import { setTimeout as sleep } from 'node:timers/promises'
import { createJobQueue, defineJob, PermanentError, processJobs, RetryAfterError } from '@cgk/jobs'
import { waitForEnd } from './wait.ts'

const callShopJob = defineJob({
  name: 'call-shop',
  options: { timeout: 200 }, // of one attempt, in milliseconds
  retry: { maxAttempts: 10, backoff: 'exponential', initialDelay: 20, maxDelay: 1000, jitter: 0.2 },
  handler: async (_job, { attempt, signal }) => {
    switch (attempt) {
      case 1: // Fails; the next attempt follows after the backoff.
        return { success: false, error: { message: 'the shop answered 500' } }
      case 2: // Fails; the next attempt follows after 30 ms, whatever the backoff says.
        throw new RetryAfterError('the shop is busy', 30)
      case 3: // Takes too long: the signal aborts, the attempt fails and is retried.
        await sleep(60_000, undefined, { signal })
        return { success: true }
      default: // Fails for good, whatever attempts are left.
        throw new PermanentError('the product is gone', { code: 'GONE' })
    }
  },
})

const queue = createJobQueue({ name: 'shop-calls' })
const processor = processJobs({
  queue,
  jobs: [callShopJob],
  onError: (job, error) =>
    console.log(`attempt ${job.attempts} failed, ${job.status}:`, error.message),
  onFailed: (job, error) => console.log(`${job.name} failed for good:`, error.message),
})
processor.start()

const job = await queue.enqueue(callShopJob, { productId: '123' })
const { status, attempts, error } = await waitForEnd(queue, job)
console.log(status, attempts, error?.code)
await processor.stop()
