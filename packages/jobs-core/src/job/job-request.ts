import type { AnyJobDefinition, InputOf } from './define-job.ts'
import type { JobOptions, TenantJobOptions } from './job.ts'

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
