import type { RetryConfig } from '../backoff/retry-policy.ts'
import type { AnyJobDefinition } from '../job/define-job.ts'
import { definitionOf } from '../job/definition-registry.ts'
import { retryOf } from '../job/job-retry.ts'
import type { JobHandler } from './job-handler.ts'

/** A handler and what governs its attempts, resolved once when it is registered. */
export interface RegisteredHandler {
  readonly handler: JobHandler<never, unknown>
  /** Absent for a bare function. */
  readonly definition: AnyJobDefinition | undefined
  readonly retry: RetryConfig
  readonly timeoutMs: number | null
  readonly discard: boolean
}

/** A handler with its definition's policy; a bare function gets the defaults. */
export function registered(
  handler: JobHandler<never, unknown>,
  definition: AnyJobDefinition | undefined = definitionOf(handler),
): RegisteredHandler {
  return {
    handler,
    definition,
    retry: retryOf(definition),
    timeoutMs: definition?.options?.timeout ?? null,
    discard: definition?.discard ?? false,
  }
}
