import type { AnyJobDefinition } from '../job/define-job.ts'
import { checkDefinition, checkHandler } from '../job/definition-registry.ts'
import { checkJobName } from '../job/names.ts'
import type { JobsLogger } from '../runtime/ports.ts'
import { growingDelay } from '../worker/growing-delay.ts'
import { registered, type RegisteredHandler } from './registered-handler.ts'
import type { JobHandler } from './job-handler.ts'

/** The handlers of one processor by job name. */
export class HandlerRegistry {
  readonly #handlers = new Map<string, RegisteredHandler>()
  readonly #reported = new Set<string>()
  readonly #maxNameLength: number

  constructor(maxNameLength: number) {
    this.#maxNameLength = maxNameLength
  }

  /** @throws {@link JobsError} `JOBS_INVALID_JOB_NAME`, `JOBS_INVALID_OPTION` */
  addHandler(name: string, handler: JobHandler<never, unknown>): void {
    checkJobName(name, this.#maxNameLength)
    checkHandler(name, handler)
    this.#add(name, registered(handler))
  }

  /** @throws {@link JobsError} `JOBS_INVALID_JOB_NAME`, `JOBS_INVALID_OPTION` */
  addDefinition(definition: AnyJobDefinition): void {
    checkDefinition(definition)
    this.#add(definition.name, registered(definition.handler, definition))
  }

  get(name: string): RegisteredHandler | undefined {
    return this.#handlers.get(name)
  }

  /**
   * How long to leave a job alone whose name nobody here knows. Some other worker may know it (a
   * deployment under way), so it is given back, less and less often, and reported once per name.
   */
  delayOfUnknown(name: string, releases: number, logger: JobsLogger): number {
    if (!this.#reported.has(name)) {
      this.#reported.add(name)
      logger.warn('there is no handler for this job name; its jobs are given back and wait', {
        name,
      })
    }
    return growingDelay(releases)
  }

  #add(name: string, handler: RegisteredHandler): void {
    this.#handlers.set(name, handler)
    this.#reported.delete(name)
  }
}
