import type { Runner } from 'graphile-worker'
import type { Payload } from '../payload.ts'
import { PostgresDatabase } from '../servers/postgres-database.ts'
import { until } from '../until.ts'
import { CALLERS_CONNECTIONS, CallersPool } from './callers-pool.ts'
import type { OpenQueue, QueueOptions, System } from './system.ts'

const TASK = 'bench'
const ENQUEUE_CONNECTIONS = 10

const DEFAULT: GraphileConfig.WorkerOptions = { concurrentJobs: 10 }

/** The best of a sweep over jobs at once, the size of the local queue and the delay of completions. */
const TUNED: GraphileConfig.WorkerOptions = {
  concurrentJobs: 200,
  localQueue: { size: 4000 },
  completeJobBatchDelay: 2,
  failJobBatchDelay: 2,
}

/** Jobs in the local queue for each that runs, where the number that runs is given. */
const LOCAL_JOBS_PER_SLOT = 20

/** graphile-worker, as its documentation sets it up. */
export const graphileWorkerDefault: System = {
  ...graphileWorker('graphile-worker:default', DEFAULT),
  warmUpJobs: 2000,
}

/** graphile-worker at its fastest. */
export const graphileWorkerTuned = graphileWorker('graphile-worker:tuned', TUNED)

function graphileWorker(name: string, worker: GraphileConfig.WorkerOptions): System {
  return {
    name,
    settings: {
      concurrency: worker.concurrentJobs ?? 1,
      localQueue: worker.localQueue?.size ?? 0,
      completeJobBatchDelay: worker.completeJobBatchDelay ?? -1,
      callersConnections: CALLERS_CONNECTIONS,
      durable: true,
      multiTenant: false,
      history: false,
    },
    packages: ['graphile-worker', 'pg'],
    server: 'postgres',
    warmUpJobs: 10_000,
    drains: true,
    joinsTransactions: true,
    open: (options) => openQueue(worker, options),
  }
}

async function openQueue(
  worker: GraphileConfig.WorkerOptions,
  { concurrency, address }: QueueOptions = {},
): Promise<OpenQueue> {
  const { Logger, makeWorkerUtils, run } = await import('graphile-worker')
  // It says nothing: a line a job would be measured too.
  const logger = new Logger(() => () => {})
  const database = await PostgresDatabase.open(address)
  const { url } = database
  const utils = await makeWorkerUtils({
    connectionString: url,
    maxPoolSize: ENQUEUE_CONNECTIONS,
    logger,
  })
  await utils.migrate()
  const callers = await CallersPool.open(url)
  let runner: Runner | undefined
  return {
    address: url,
    server: database,
    async enqueueOne(payload) {
      await utils.addJob(TASK, payload)
    },
    async enqueueMany(payloads) {
      await utils.addJobs(payloads.map((payload) => ({ identifier: TASK, payload })))
    },
    async enqueueInTransaction(payload) {
      await callers.transaction((client) =>
        client.query('select graphile_worker.add_job($1, $2::json)', [
          TASK,
          JSON.stringify(payload),
        ]),
      )
    },
    async start(work) {
      const settings = concurrency === undefined ? worker : withConcurrency(worker, concurrency)
      runner = await run({
        preset: {
          worker: { ...settings, connectionString: url, logger, maxPoolSize: ENQUEUE_CONNECTIONS },
        },
        // An async function, as users write them: one promise per job.
        taskList: { [TASK]: async (payload) => work(payload as Payload) },
        noHandleSignals: true,
      })
    },
    // A job that has completed is deleted.
    idle: () =>
      until(() =>
        database.ask('select not exists (select from graphile_worker._private_jobs) as answer'),
      ),
    async [Symbol.asyncDispose]() {
      await runner?.stop()
      await callers[Symbol.asyncDispose]()
      await utils.release()
      await database[Symbol.asyncDispose]()
    },
  }
}

function withConcurrency(
  { localQueue, ...worker }: GraphileConfig.WorkerOptions,
  concurrency: number,
): GraphileConfig.WorkerOptions {
  return {
    ...worker,
    concurrentJobs: concurrency,
    ...(localQueue && { localQueue: { size: concurrency * LOCAL_JOBS_PER_SLOT } }),
  }
}
