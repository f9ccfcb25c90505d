import type { JobStore } from '../storage/job-store.ts'
import { StoreSession } from '../worker/store-session.ts'
import { SuspectGate } from '../worker/suspect-gate.ts'
import { consoleLogger } from './console-logger.ts'
import { guarded } from './guarded-logger.ts'
import type { JobsLogger, RuntimePorts } from './ports.ts'
import { systemPorts } from './system-runtime.ts'

/**
 * One process as the library sees it: its clock, timers and randomness, its sessions with stores and
 * the gate that keeps suspects apart. Queues of the same runtime share all of it.
 */
export class JobsRuntime {
  readonly ports: RuntimePorts
  readonly suspects: SuspectGate
  readonly #worker: string
  readonly #logger: JobsLogger
  readonly #sessions = new WeakMap<JobStore, StoreSession>()

  constructor(ports: RuntimePorts, logger: JobsLogger) {
    this.ports = ports
    this.suspects = new SuspectGate(ports.clock, ports.timers)
    this.#worker = ports.random.hex(16)
    this.#logger = guarded(logger)
  }

  /** The one session of this runtime with a store. */
  sessionWith(store: JobStore): StoreSession {
    let session = this.#sessions.get(store)
    if (session === undefined) {
      session = new StoreSession(store, this.ports, this.#worker, this.#logger)
      this.#sessions.set(store, session)
    }
    return session
  }
}

/**
 * Makes a runtime of its own: a simulated process for a simulator, or a test's. Everybody else uses
 * the process-wide one without naming it.
 */
export function createRuntime(
  ports: RuntimePorts = systemPorts,
  logger: JobsLogger = consoleLogger,
): JobsRuntime {
  return new JobsRuntime(ports, logger)
}

let processWide: JobsRuntime | undefined

/** The runtime of this process. */
export function processRuntime(): JobsRuntime {
  return (processWide ??= createRuntime())
}
