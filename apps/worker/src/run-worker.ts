import {
  createRuntime,
  type JobProcessor,
  type JobQueue,
  type JobStore,
  systemPorts,
} from '@cgk/jobs-core'
import type { Logger } from 'pino'
import type { WorkerHooks } from './config.ts'
import { type DeclareLater, declareSchedules } from './declare-schedules.ts'
import { enqueueFile, type RunningCounts } from './enqueue-file.ts'
import { EXIT } from './exit-codes.ts'
import { usageError } from './exit-error.ts'
import { type HealthServer, serveHealth } from './health.ts'
import { routeToServed } from './job-routes.ts'
import type { LoadedWorker } from './load-worker.ts'
import { jobsLogger } from './logger.ts'
import { makeProcessors } from './make-processors.ts'
import type { JobsFile } from './open-jobs-file.ts'
import { openQueues } from './open-queues.ts'
import { openStores } from './open-stores.ts'
import type { RunningWorker } from './running-worker.ts'
import { onStopSignal } from './signals.ts'
import { untilAborted } from './until-aborted.ts'
import { untilIdle } from './until-idle.ts'
import { waitForStores } from './wait-for-stores.ts'
import type { WorkerStores } from './worker-stores.ts'

/** What {@link runWorker} is asked to do. */
export interface RunRequest {
  readonly loaded: LoadedWorker
  readonly logger: Logger
  /** Jobs to enqueue once the processors run. */
  readonly file: JobsFile | null
  /** Stop when the file is in and no job is left. */
  readonly untilIdle: boolean
}

/**
 * Runs a worker until it is told to stop, or until it is idle; first it waits for its stores. Resolves with
 * the exit code.
 *
 * @throws `ExitError` when it cannot start.
 */
export async function runWorker(request: RunRequest): Promise<number> {
  const { loaded, logger } = request
  checkQueuesHaveJobs(loaded)
  const stores = await openStores(loaded.settings, logger)
  try {
    const runtime = createRuntime(systemPorts, jobsLogger(logger))
    const queues = openQueues(loaded, stores, runtime)
    const processors = makeProcessors(loaded, queues, logger)
    return await new WorkerRun(request, { stores, queues, processors }).run()
  } finally {
    for (const error of await stores.close()) logger.error({ error }, 'a store did not close')
  }
}

function checkQueuesHaveJobs({ configPath, definitions }: LoadedWorker): void {
  if (configPath === null) {
    throw usageError(
      'there is no config file (jobs.config.ts, .mts, .js or .mjs) here; name one by --config',
    )
  }
  for (const [queue, jobs] of definitions) {
    if (jobs.length > 0) continue
    throw usageError(`${configPath} gives the queue ${queue} no jobs: list some under jobs`)
  }
}

interface Parts extends Pick<RunningWorker, 'queues' | 'processors'> {
  readonly stores: WorkerStores
}

class WorkerRun implements RunningWorker {
  readonly #stores: WorkerStores
  readonly queues: ReadonlyMap<string, JobQueue>
  readonly processors: ReadonlyMap<string, JobProcessor>
  readonly logger: Logger
  readonly input: RunningCounts = { enqueued: 0, bad: 0 }
  readonly #request: RunRequest
  readonly #stop = new AbortController()
  #reading: Promise<unknown> = Promise.resolve()
  #hasStarted = false
  #becameIdle = false
  #hasFailed = false
  #chosenExitCode: number | null = null

  constructor(request: RunRequest, { stores, queues, processors }: Parts) {
    this.#request = request
    this.#stores = stores
    this.queues = queues
    this.processors = processors
    this.logger = request.logger
  }

  get stores(): ReadonlyMap<string, JobStore> {
    return this.#stores.opened()
  }

  stop(): void {
    this.#stop.abort()
  }

  setExitCode(code: number): void {
    if (!Number.isInteger(code) || code < 0 || code > 255) {
      throw new RangeError(`an exit code must be a whole number from 0 to 255, not ${code}`)
    }
    this.#chosenExitCode = code
  }

  async run(): Promise<number> {
    const health = await this.#serveHealth()
    const ignoreSignals = onStopSignal((signal) => {
      this.#sayDraining(signal)
      this.stop()
    })
    try {
      const declareLater = await this.#ready()
      if (declareLater !== null) await this.#runBetweenHooks(declareLater)
    } finally {
      await health?.close()
      ignoreSignals()
    }
    this.logger.info('worker stopped')
    return this.#exitCode()
  }

  /** Resolves when the stores answer and the schedules are declared; with `null` if told to stop before. */
  async #ready(): Promise<DeclareLater | null> {
    const { signal } = this.#stop
    if (!(await waitForStores(this.#stores, this.logger, signal))) return null
    return declareSchedules(this.#request.loaded, this.queues, this.logger)
  }

  async #runBetweenHooks(declareLater: DeclareLater): Promise<void> {
    await this.#guard(() => this.#hook('starting'))
    if (!this.#hasFailed) await this.#serve(declareLater)
    await this.#guard(() => this.#hook('stopped'))
  }

  async #serve(declareLater: DeclareLater): Promise<void> {
    for (const processor of this.processors.values()) processor.start()
    this.#hasStarted = true
    this.logger.info({ queues: [...this.queues.keys()] }, 'worker started')
    const declared = declareLater(this.#stop.signal)
    await Promise.race([this.#guard(() => this.#work()), untilAborted(this.#stop.signal)])
    this.stop()
    await this.#drain()
    await declared
  }

  async #work(): Promise<void> {
    const { file } = this.#request
    const { signal } = this.#stop
    await this.#hook('started')
    if (file !== null && !signal.aborted) {
      this.#reading = this.#enqueue(file)
      await this.#reading
    }
    if (!this.#request.untilIdle) return untilAborted(signal)
    const queues = [...this.queues.values()]
    const processors = [...this.processors.values()]
    this.#becameIdle = await untilIdle({ queues, processors, logger: this.logger, signal })
    if (this.#becameIdle) await this.#hook('idle')
  }

  async #enqueue({ stream }: JobsFile): Promise<void> {
    const { loaded } = this.#request
    const isWhole = await enqueueFile({
      stream,
      route: routeToServed(loaded, this.queues),
      counts: this.input,
      onBadLine: ({ number, problem }) => {
        this.logger.warn({ line: number, problem }, 'bad line')
      },
      signal: this.#stop.signal,
    })
    this.logger.info(this.input, isWhole ? 'the file is in' : 'the file was not read to its end')
  }

  async #drain(): Promise<void> {
    const processors = [...this.processors.values()]
    await Promise.all([
      this.#reading.catch(() => {}),
      ...processors.map((processor) => processor.stop()),
    ])
  }

  async #hook(name: keyof WorkerHooks): Promise<void> {
    await this.#request.loaded.settings.hooks[name]?.(this)
  }

  /** Whatever goes wrong is logged and decides the exit code; the drain goes on. */
  async #guard(step: () => Promise<void>): Promise<void> {
    try {
      await step()
    } catch (error) {
      this.#hasFailed = true
      this.logger.error({ error }, 'the worker failed')
    }
  }

  #exitCode(): number {
    if (this.#hasFailed) return EXIT.failure
    if (this.#chosenExitCode !== null) return this.#chosenExitCode
    if (!this.#becameIdle || this.input.bad === 0) return EXIT.ok
    return this.input.enqueued === 0 ? EXIT.failure : EXIT.partial
  }

  async #serveHealth(): Promise<HealthServer | null> {
    const { health, queues, directory } = this.#request.loaded.settings
    if (health === null) return null
    const server = await serveHealth(health, {
      stores: () => this.stores,
      storesAreTenants: directory !== null,
      processors: new Map(
        [...this.processors].map(([name, processor]) => [
          name,
          { processor, concurrency: queues.get(name)!.concurrency },
        ]),
      ),
      hasStarted: () => this.#hasStarted,
      isDraining: () => this.#stop.signal.aborted,
    })
    this.logger.info({ host: server.host, port: server.port }, 'serving /livez and /readyz')
    return server
  }

  #sayDraining(signal: string): void {
    const running = [...this.processors.values()].reduce(
      (sum, processor) => sum + processor.status().running,
      0,
    )
    const { gracePeriod } = this.#request.loaded.settings
    this.logger.info(
      { running, gracePeriod },
      `${signal}: draining; a second signal ends the worker at once`,
    )
  }
}
