// A worker, to be run as a process of its own: `node worker-program.ts <WorkerSettings as JSON>`. It says
// `begun <id>` on a line for each attempt, and `lost <id>` for each whose outcome was refused.
import { setTimeout as wait } from 'node:timers/promises'
import { createJobQueue, type JobHandler, processJobs } from '@cgk/jobs-core'
import { commit, createPostgresStore } from '../../../src/index.ts'
import type { Work, WorkerSettings } from './worker-process.ts'

const { name, store: options, ...settings } = JSON.parse(process.argv[2]!) as WorkerSettings

const store = createPostgresStore(options)
const queue = createJobQueue({ name: 'orders', store })
queue.on('leaseLost', ({ job }) => console.log(`lost ${job.id}`))

const work: JobHandler<Work> = async (job) => {
  console.log(`begun ${job.id}`)
  await wait(job.payload.ms)
  return { success: true, data: { by: name } }
}

/** Pays for the job, in the same transaction that completes it. */
const pay: JobHandler<Work> = async (job, context) => {
  console.log(`begun ${job.id}`)
  return commit(context, async (tx) => {
    await tx.query('insert into payment (job, attempt) values ($1, $2)', [job.id, context.attempt])
    await wait(job.payload.ms)
    return { success: true, data: { by: name } }
  })
}

const handlers = new Map<string, JobHandler<never, unknown>>([
  ['work', work],
  ['pay', pay],
])
const processor = processJobs({ queue, handlers, leaseMs: 2_000, pollInterval: 100, ...settings })
processor.start()
