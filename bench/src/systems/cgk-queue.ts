import { setImmediate } from 'node:timers/promises'
import type { JobHandler, JobOptions, JobQueue, JobStore } from '@cgk/jobs-core'
import type { Payload } from '../payload.ts'
import { importCgk } from './cgk-packages.ts'
import type { OpenQueue, QueueOptions } from './system.ts'

const JOB_NAME = 'bench'

const LONG_DELAY_MS = 24 * 60 * 60 * 1000

/** Calls a function with the queue within a transaction of the caller's, which then commits. */
export type CallersTransaction = (
  queue: JobQueue,
  call: (joined: Pick<JobQueue, 'enqueue'>) => Promise<unknown>,
) => Promise<void>

/**
 * Our queue and processor on any store, everything at its default.
 *
 * @param transaction - where the store's own package can join one.
 */
export async function openCgkQueue(
  checkout: string | undefined,
  store: JobStore,
  { concurrency, tenantOf }: QueueOptions = {},
  transaction?: CallersTransaction,
): Promise<OpenQueue> {
  const { createJobQueue, processJobs } = await importCgk('jobs-core', checkout)
  const queue = createJobQueue({ name: 'bench', store })
  // The first call of a store makes its tables.
  await queue.counts()
  const handlers = new Map<string, JobHandler<Payload>>()
  const processor = processJobs({
    queue,
    handlers,
    ...(concurrency !== undefined && { maxConcurrency: concurrency }),
  })
  const optionsOf = ({ order }: Payload): JobOptions =>
    tenantOf === undefined ? {} : { tenantId: tenantOf(order) }
  const enqueueAll = async (
    payloads: readonly Payload[],
    options: (payload: Payload) => JobOptions,
  ): Promise<void> => {
    await queue.enqueueMany(
      payloads.map((payload) => ({ job: JOB_NAME, payload, options: options(payload) })),
    )
  }
  return {
    async enqueueOne(payload) {
      await queue.enqueue(JOB_NAME, payload, optionsOf(payload))
    },
    enqueueMany: (payloads) => enqueueAll(payloads, optionsOf),
    enqueueDelayed: (payloads) =>
      enqueueAll(payloads, (payload) => ({ ...optionsOf(payload), delay: LONG_DELAY_MS })),
    ...(transaction !== undefined && {
      async enqueueInTransaction(payload) {
        await transaction(queue, (joined) => joined.enqueue(JOB_NAME, payload, optionsOf(payload)))
      },
    }),
    start(work) {
      // An async function, as users write them: one promise per job.
      processor.registerHandler(JOB_NAME, async (job: { readonly payload: Payload }) => {
        const working = work(job.payload)
        if (working !== undefined) await working
        return { success: true }
      })
      processor.start()
    },
    async idle() {
      while ((await countUnfinished(queue)) > 0) await setImmediate()
    },
    async [Symbol.asyncDispose]() {
      await processor.stop()
      await store.close()
    },
  }
}

async function countUnfinished(queue: JobQueue): Promise<number> {
  const counts = await queue.counts()
  return counts.pending + counts.scheduled + counts.retrying + counts.running
}
