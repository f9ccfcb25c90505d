import { currentTenant } from '@cgk/core'
import { JobsError } from '../errors.ts'
import type { AnyJobDefinition } from '../job/define-job.ts'
import type { JobOptions } from '../job/job.ts'
import { canonicalJson } from '../job/canonical-json.ts'
import { checkPayload, checksPayload } from '../job/check-payload.ts'
import { checkJobOptions, wholeMs } from '../job/check-job-options.ts'
import { debounceOf, storedUniqueKey } from '../job/unique-key-option.ts'
import { checkKeys } from '../job/check-keys.ts'
import { checkHeaders } from '../job/check-headers.ts'
import { checkJobName, describe } from '../job/names.ts'
import { serialize } from '../job/serialize.ts'
import type { Mutable } from '../mutable.ts'
import type { SizeLimits } from '../size-limits.ts'
import type { NewJob } from '../storage/new-job.ts'

/** Whether a queue takes jobs without a tenant. */
export type Tenancy = 'optional' | 'required'

const NO_OPTIONS: JobOptions = {}

/** Turns what callers say into checked, serialised jobs for one queue. */
export class NewJobFactory {
  readonly #queue: string
  readonly #definitions: ReadonlyMap<string, AnyJobDefinition>
  readonly #sizes: SizeLimits
  readonly #tenancy: Tenancy

  constructor(config: {
    readonly queue: string
    readonly definitions: ReadonlyMap<string, AnyJobDefinition>
    readonly sizes: SizeLimits
    readonly tenancy: Tenancy
  }) {
    this.#queue = config.queue
    this.#definitions = config.definitions
    this.#sizes = config.sizes
    this.#tenancy = config.tenancy
  }

  /**
   * Checks everything before anything is stored. Synchronous unless the definition's schema is not.
   *
   * @throws {@link JobsError} as `JobQueue.enqueue` says; a promise returned rejects with the same.
   */
  create(
    job: string | AnyJobDefinition,
    payload: unknown,
    options: JobOptions = NO_OPTIONS,
  ): NewJob | Promise<NewJob> {
    const name = checkJobName(typeof job === 'string' ? job : job?.name, this.#sizes.nameLength)
    const definition = typeof job === 'string' ? this.#definitions.get(job) : job
    if (options !== NO_OPTIONS) {
      checkJobOptions(options, this.#sizes)
      checkKeys(options, this.#sizes)
    }
    const text = serialize(payload, 'payload', this.#sizes)
    if (definition !== undefined && checksPayload(definition)) {
      const check = checkPayload(definition, payload)
      if (check instanceof Promise) {
        // The tenant is read now: a schema may resolve in another context.
        const tenantId = this.tenantOf(options)
        return check.then((settled) => {
          if (!settled.ok) throw settled.error
          return this.#build(name, text, options, definition, tenantId)
        })
      }
      if (!check.ok) throw check.error
    }
    return this.#build(name, text, options, definition, this.tenantOf(options))
  }

  /** The tenant that an option says, else the current one. @throws `JOBS_TENANT_REQUIRED` */
  tenantOf(options: Pick<JobOptions, 'tenantId'>): string | null {
    const tenantId = options.tenantId ?? currentTenant() ?? null
    if (tenantId === null && this.#tenancy === 'required') {
      throw new JobsError(
        'JOBS_TENANT_REQUIRED',
        `queue ${this.#queue} takes no job without a tenant: pass tenantId, or call inside withTenant`,
      )
    }
    return tenantId
  }

  #build(
    name: string,
    payload: string,
    options: JobOptions,
    definition: AnyJobDefinition | undefined,
    tenantId: string | null,
  ): NewJob {
    const preset = definition?.options
    const metadata = options.metadata ?? preset?.metadata
    const limiter = options.limiter ?? preset?.limiter
    const { uniqueKey, orderingKey, concurrencyKey, headers } = options
    const delay =
      options.delay ??
      debounceOf(uniqueKey) ??
      (options.scheduledAt === undefined ? preset?.delay : undefined)
    // Policy that the definition presets is not stored: the processor's own copy of it applies.
    const job: Mutable<NewJob> = {
      queue: this.#queue,
      tenantId,
      name,
      payload: options.jobId === undefined ? payload : canonicalJson(payload),
      priority: options.priority ?? preset?.priority ?? 0,
    }
    // Not spreads: most jobs have none of these, and a spread costs each of them a call.
    if (metadata !== undefined) job.metadata = serialize(metadata, 'metadata', this.#sizes)
    if (delay !== undefined) job.delayMs = wholeMs(delay)
    if (options.jobId !== undefined) job.jobId = options.jobId
    if (options.scheduledAt !== undefined) job.runAt = options.scheduledAt.getTime()
    if (options.maxAttempts !== undefined) job.maxAttempts = options.maxAttempts
    if (options.retryDelay !== undefined) job.retryDelayMs = wholeMs(options.retryDelay)
    if (options.timeout !== undefined) job.timeoutMs = wholeMs(options.timeout)
    if (headers !== undefined) job.headers = checkHeaders(headers)
    if (uniqueKey !== undefined) job.unique = storedUniqueKey(uniqueKey)
    if (orderingKey !== undefined) job.orderingKey = orderingKey
    if (concurrencyKey !== undefined) {
      job.concurrencyKey = concurrencyKey
      job.concurrencyLimit = limitOf(name, definition)
    }
    if (limiter !== undefined) job.limiter = limiter
    return job
  }
}

function limitOf(name: string, definition: AnyJobDefinition | undefined): number {
  const limit = definition?.concurrencyLimit
  if (limit !== undefined) return limit
  throw new JobsError(
    'JOBS_INVALID_OPTION',
    `concurrencyKey needs a concurrencyLimit: set it on the definition of job ${describe(name)}, and enqueue by the definition or list it in the queue's jobs`,
  )
}
