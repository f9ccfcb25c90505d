import type { Logger } from 'pino'
import { enqueueFile, type RunningCounts } from './enqueue-file.ts'
import { EXIT, signalExitCode, type StopSignal } from './exit-codes.ts'
import { usageError } from './exit-error.ts'
import { routeToStored } from './job-routes.ts'
import type { LoadedWorker } from './load-worker.ts'
import type { JobsFile } from './open-jobs-file.ts'
import { openQueues } from './open-queues.ts'
import { openStores } from './open-stores.ts'
import { showProgress } from './progress.ts'
import { reachStores } from './reach-stores.ts'
import { onStopSignal } from './signals.ts'
import type { WorkerStores } from './worker-stores.ts'

/**
 * Enqueues the jobs of a file for workers to run. Resolves with the exit code.
 *
 * @throws `ExitError` when it cannot start.
 */
export async function enqueueCommand(
  loaded: LoadedWorker,
  file: JobsFile,
  logger: Logger,
): Promise<number> {
  const stores = await openStores(loaded.settings, logger)
  try {
    refuseMemory(stores)
    await reachStores(stores, logger)
    return await enqueueAndReport(loaded, stores, file)
  } finally {
    await stores.close()
  }
}

async function enqueueAndReport(
  loaded: LoadedWorker,
  stores: WorkerStores,
  { stream, size }: JobsFile,
): Promise<number> {
  const stop = new AbortController()
  let signalled: StopSignal | null = null
  const ignoreSignals = onStopSignal((signal) => {
    signalled = signal
    stop.abort()
  })
  const counts: RunningCounts = { enqueued: 0, bad: 0 }
  const progress = showProgress(process.stderr, size)
  try {
    await enqueueFile({
      stream,
      route: routeToStored(loaded, openQueues(loaded, stores), stores),
      counts,
      onBadLine: ({ number, problem }) => {
        progress.say(`line ${number}: ${problem}`)
      },
      onProgress: (bytesRead) => {
        progress.update(bytesRead, counts)
      },
      signal: stop.signal,
    })
  } finally {
    progress.end()
    ignoreSignals()
    console.log(`enqueued ${counts.enqueued}, bad ${counts.bad}`)
  }
  return signalled === null ? exitCodeOf(counts) : signalExitCode(signalled)
}

function refuseMemory(stores: WorkerStores): void {
  for (const [name, store] of stores.opened()) {
    if (store.name !== 'memory') continue
    throw usageError(
      `the store ${name} is a memory: store, which lives only in this process; use \`run --file\`, or name a store (--store, JOBS_STORE_URL or the config file)`,
    )
  }
}

function exitCodeOf({ enqueued, bad }: RunningCounts): number {
  if (bad === 0) return EXIT.ok
  return enqueued === 0 ? EXIT.failure : EXIT.partial
}
