import { promise as createFastq } from 'fastq'
import type { Payload } from '../payload.ts'
import type { System, Work } from './system.ts'

// Our own default, so that as many handlers run at once.
const CONCURRENCY = 5

/** fastq: a linked list of calls. The floor of what a queue inside a process costs. */
export const fastq: System = {
  name: 'fastq',
  settings: {
    api: 'promise',
    concurrency: CONCURRENCY,
    durable: false,
    multiTenant: false,
    history: false,
    names: false,
    retries: false,
    enqueueMany: 'loop',
  },
  packages: ['fastq'],
  warmUpJobs: 100_000,
  drains: true,
  async open() {
    let work: Work = () => {}
    // An async function, as users write them: one promise per job.
    const queue = createFastq<unknown, Payload, void>(async (payload) => work(payload), CONCURRENCY)
    queue.pause()
    // `push` answers when the job has ended; what is in memory is enqueued already.
    const push = (payload: Payload): void => void queue.push(payload)
    return {
      async enqueueOne(payload) {
        push(payload)
      },
      async enqueueMany(payloads) {
        for (const payload of payloads) push(payload)
      },
      start(given) {
        work = given
        queue.resume()
      },
      idle: () => queue.drained(),
      async [Symbol.asyncDispose]() {
        queue.kill()
      },
    }
  },
}
