import PQueue from 'p-queue'
import type { Payload } from '../payload.ts'
import type { System, Work } from './system.ts'

// Our own default, so that as many handlers run at once.
const CONCURRENCY = 5

/** p-queue: the usual choice for limiting concurrency inside a process. */
export const pQueue: System = {
  name: 'p-queue',
  settings: {
    concurrency: CONCURRENCY,
    durable: false,
    multiTenant: false,
    history: false,
    names: false,
    retries: false,
    enqueueMany: 'loop',
  },
  packages: ['p-queue'],
  warmUpJobs: 100_000,
  drains: true,
  async open() {
    let work: Work = () => {}
    const queue = new PQueue({ concurrency: CONCURRENCY, autoStart: false })
    const add = (payload: Payload): void =>
      // `add` answers when the job has ended; what is in memory is enqueued already.
      // The handler is an async function, as users write them: one promise per job.
      void queue.add(async () => work(payload))
    return {
      async enqueueOne(payload) {
        add(payload)
      },
      async enqueueMany(payloads) {
        for (const payload of payloads) add(payload)
      },
      start(given) {
        work = given
        queue.start()
      },
      idle: () => queue.onIdle(),
      async [Symbol.asyncDispose]() {
        queue.pause()
        queue.clear()
      },
    }
  },
}
