import { JobsError } from '../errors.ts'
import type { AnyJobDefinition, InputOf } from './define-job.ts'
import type { JobOptions, TenantJobOptions } from './job.ts'
import { describe } from './names.ts'

/** A job to be made: what `enqueueMany` and `followUps` take. */
export interface JobRequest<TOptions extends JobOptions = JobOptions> {
  /** A definition, or a job's name. */
  readonly job: string | AnyJobDefinition
  readonly payload: unknown
  readonly options?: TOptions
}

/**
 * A {@link JobRequest} whose payload is checked against the definition's type.
 *
 * @example
 * ```ts
 * return { success: true, followUps: [jobRequest(sendReceipt, { orderId })] }
 * ```
 */
export function jobRequest<TDefinition extends AnyJobDefinition>(
  job: TDefinition,
  payload: InputOf<TDefinition>,
  options?: TenantJobOptions,
): JobRequest<TenantJobOptions>
/** A {@link JobRequest} that may say whose job it is. */
export function jobRequest<TDefinition extends AnyJobDefinition>(
  job: TDefinition,
  payload: InputOf<TDefinition>,
  options: JobOptions,
): JobRequest
export function jobRequest(
  job: AnyJobDefinition,
  payload: unknown,
  options?: JobOptions,
): JobRequest {
  return options === undefined ? { job, payload } : { job, payload, options }
}

const PROPERTIES = new Set(['job', 'payload', 'options'])

/**
 * The request that an element of a list is. A `tenantId` beside the options, which the compiler lets pass
 * in what a `map` returns, would make a job of nobody.
 *
 * @throws {@link JobsError} `JOBS_INVALID_OPTION` for a property that requests do not have.
 */
export function checkRequest(given: JobRequest | null | undefined): JobRequest {
  // What is no request at all has no job, and is refused for that.
  const request = (given ?? {}) as JobRequest
  for (const property of Object.keys(request)) {
    if (PROPERTIES.has(property)) continue
    throw new JobsError(
      'JOBS_INVALID_OPTION',
      `a job to be made has job, payload and options, and no ${describe(property)}`,
    )
  }
  return request
}
