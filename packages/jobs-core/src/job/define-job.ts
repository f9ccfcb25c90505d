import type { StandardSchemaV1 } from '@standard-schema/spec'
import type { RetryConfig } from '../backoff/retry-policy.ts'
import type { JobHandler } from '../processor/job-handler.ts'
import { checkDefinition, checkProperties, rememberDefinition } from './definition-registry.ts'
import type { JobOptions } from './job.ts'

/** The options a definition may preset for its jobs. An enqueue option wins over them. */
export type JobDefaults = Pick<
  JobOptions,
  'priority' | 'delay' | 'maxAttempts' | 'retryDelay' | 'timeout' | 'metadata' | 'limiter'
>

/** A definition whatever its types: what lists of definitions hold. */
export interface AnyJobDefinition {
  /** 1 to 200 characters, no control characters. */
  readonly name: string
  readonly handler: JobHandler<never, unknown>
  readonly options?: JobDefaults
  /** How failed attempts are repeated; what is left out has its default. */
  readonly retry?: Partial<RetryConfig>
  /** Checks payloads at enqueue and again before each attempt. */
  readonly schema?: StandardSchemaV1
  /** A type guard in place of a schema. */
  readonly validate?: (payload: unknown) => boolean
  /** Keep no history of jobs that complete. Failed ones always stay. @defaultValue false */
  readonly discard?: boolean
  /**
   * How many jobs of this definition run at a time per tenant and `concurrencyKey`: a whole number
   * from 1 to 10,000. Without it its jobs have no such key.
   */
  readonly concurrencyLimit?: number
}

/**
 * A job's name bound to its handler, its types and its policy.
 *
 * @typeParam TPayload - what the handler receives (a schema's output).
 * @typeParam TResult - the `data` the handler returns.
 * @typeParam TInput - what enqueue takes (a schema's input), and what is stored.
 * @typeParam TName - the name as a literal.
 */
export interface JobDefinition<
  TPayload = Record<string, unknown>,
  TResult = unknown,
  TInput = TPayload,
  TName extends string = string,
> extends AnyJobDefinition {
  readonly name: TName
  readonly handler: JobHandler<TPayload, TResult>
  /** Never set: carries the types to {@link InputOf} and its siblings. */
  readonly '~types'?: {
    readonly payload: TPayload
    readonly result: TResult
    readonly input: TInput
  }
}

type TypesOf<TDefinition> = TDefinition extends { readonly '~types'?: infer T }
  ? NonNullable<T>
  : never

/** What enqueue takes for a definition. */
export type InputOf<TDefinition> =
  TypesOf<TDefinition> extends { readonly input: infer I } ? I : unknown

/** What a definition's handler returns as `data`. */
export type ResultOf<TDefinition> =
  TypesOf<TDefinition> extends { readonly result: infer R } ? R : unknown

/** The job names of a list of definitions, each with its input: the type argument of `JobQueue`. */
export type JobsOf<TDefinitions extends readonly AnyJobDefinition[]> = {
  [D in TDefinitions[number] as D['name']]: InputOf<D>
}

/**
 * What enqueue takes for a job, given by its definition or by its name among `TJobs`.
 *
 * One type instead of an overload for names and one for definitions: of overloads the compiler explains
 * the last alone, and a wrong payload would be reported as a wrong name.
 */
export type PayloadOf<TJob, TJobs extends object> = TJob extends keyof TJobs
  ? TJobs[TJob]
  : InputOf<TJob>

type Details = Pick<AnyJobDefinition, 'options' | 'retry' | 'discard' | 'concurrencyLimit'>

/**
 * Binds a job's name to its handler, with a Standard Schema (zod, valibot, arktype, …).
 *
 * Enqueue takes the schema's input, which is what is stored; the handler receives its output.
 */
export function defineJob<TSchema extends StandardSchemaV1, TResult, const TName extends string>(
  definition: Details & {
    readonly name: TName
    readonly schema: TSchema
    readonly handler: JobHandler<StandardSchemaV1.InferOutput<TSchema>, TResult>
  },
): JobDefinition<
  StandardSchemaV1.InferOutput<TSchema>,
  TResult,
  StandardSchemaV1.InferInput<TSchema>,
  TName
>
/** Binds a job's name to its handler, with a type guard for its payload. */
export function defineJob<TPayload, TResult, const TName extends string>(
  definition: Details & {
    readonly name: TName
    readonly validate: (payload: unknown) => payload is TPayload
    readonly handler: JobHandler<TPayload, TResult>
  },
): JobDefinition<TPayload, TResult, TPayload, TName>
/**
 * Binds a job's name to its handler. The payload's type is taken on trust; without type arguments it
 * is `Record<string, unknown>`.
 *
 * The result is a copy; changing the object passed in changes nothing. Its policy travels with its
 * `handler`, also through a plain `Map`.
 *
 * @throws {@link JobsError} `JOBS_INVALID_JOB_NAME`, `JOBS_INVALID_OPTION`.
 *
 * @example
 * ```ts
 * export const syncInventoryJob = defineJob({
 *   name: 'sync-inventory',
 *   handler: async (job) => ({ success: true, data: { synced: job.payload['productId'] } }),
 *   retry: { maxAttempts: 5, backoff: 'exponential', initialDelay: 1000 },
 * })
 * ```
 */
export function defineJob<
  TPayload = Record<string, unknown>,
  TResult = unknown,
  const TName extends string = string,
>(
  definition: Details & {
    readonly name: TName
    readonly handler: JobHandler<TPayload, TResult>
  },
): JobDefinition<TPayload, TResult, TPayload, TName>
export function defineJob(definition: AnyJobDefinition): AnyJobDefinition {
  checkDefinition(definition)
  checkProperties(definition)
  const given = definition.handler
  const handler: JobHandler<never, unknown> = (job, context) => given(job, context)
  const copy: AnyJobDefinition = Object.freeze({ ...definition, handler })
  rememberDefinition(copy)
  return copy
}
