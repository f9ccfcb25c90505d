import { DEFAULT_RETRY, type RetryConfig } from '../backoff/retry-policy.ts'
import { JobsError } from '../errors.ts'
import { DEFAULT_SIZES } from '../size-limits.ts'
import type { JobHandler } from '../processor/job-handler.ts'
import type { AnyJobDefinition, JobDefaults } from './define-job.ts'
import { checkDuration, checkInteger, checkJobOptions } from './check-job-options.ts'
import { checkJobName, describe } from './names.ts'

// A handler taken from a definition brings the definition along, also through a plain Map and also
// when the definition was made by another copy of this package.
const KEY = Symbol.for('@cgk/jobs-core.definitions')
const registry = globalThis as { [KEY]?: WeakMap<JobHandler<never, unknown>, AnyJobDefinition> }
const definitions = (registry[KEY] ??= new WeakMap())

/** Remembers which definition a handler belongs to. */
export function rememberDefinition(definition: AnyJobDefinition): void {
  definitions.set(definition.handler, definition)
}

/** The definition a handler came from, if it came from one. */
export function definitionOf(handler: JobHandler<never, unknown>): AnyJobDefinition | undefined {
  return definitions.get(handler)
}

const MAX_CONCURRENCY_LIMIT = 10_000

/** @throws {@link JobsError} `JOBS_INVALID_JOB_NAME`, `JOBS_INVALID_OPTION` */
export function checkDefinition(definition: AnyJobDefinition): void {
  const { handler, options, retry, schema, validate, concurrencyLimit } = definition
  const name = checkJobName(definition.name, DEFAULT_SIZES.nameLength)
  checkHandler(name, handler)
  if (options !== undefined) checkPresets(name, options)
  if (retry !== undefined) checkRetry(retry)
  if (concurrencyLimit !== undefined) {
    checkInteger('concurrencyLimit', concurrencyLimit, 1, MAX_CONCURRENCY_LIMIT)
  }
  if (validate !== undefined && typeof validate !== 'function') {
    throw new JobsError('JOBS_INVALID_OPTION', `validate of ${describe(name)} must be a function`)
  }
  if (schema !== undefined && typeof schema['~standard']?.validate !== 'function') {
    throw new JobsError(
      'JOBS_INVALID_OPTION',
      `schema of ${describe(name)} is not a Standard Schema (zod 3.24, valibot 1, arktype 2 or newer)`,
    )
  }
}

const PROPERTIES: Readonly<Record<keyof AnyJobDefinition, true>> = {
  name: true,
  handler: true,
  options: true,
  retry: true,
  schema: true,
  validate: true,
  discard: true,
  concurrencyLimit: true,
}

/** @throws {@link JobsError} `JOBS_INVALID_OPTION` for a property that would be ignored. */
export function checkProperties(definition: AnyJobDefinition): void {
  for (const property of Object.keys(definition)) {
    if (Object.hasOwn(PROPERTIES, property)) continue
    throw new JobsError(
      'JOBS_INVALID_OPTION',
      `the definition of job ${describe(definition.name)} has no ${describe(property)}; presets go into its options`,
    )
  }
}

/**
 * The definitions of a config, as a list.
 *
 * @throws {@link JobsError} `JOBS_INVALID_CONFIG` unless it is one in which each name means one definition.
 */
export function checkDefinitionList(
  jobs: readonly AnyJobDefinition[] = [],
): readonly AnyJobDefinition[] {
  if (!Array.isArray(jobs)) {
    throw new JobsError('JOBS_INVALID_CONFIG', 'jobs must be a list of definitions')
  }
  const byName = new Map<string, AnyJobDefinition>()
  for (const definition of jobs as readonly AnyJobDefinition[]) {
    checkDefinition(definition)
    const { name } = definition
    if ((byName.get(name) ?? definition) !== definition) {
      throw new JobsError(
        'JOBS_INVALID_CONFIG',
        `two definitions in jobs are named ${describe(name)}`,
      )
    }
    byName.set(name, definition)
  }
  return jobs
}

/** @throws {@link JobsError} `JOBS_INVALID_OPTION` unless the handler is a function. */
export function checkHandler(name: string, handler: unknown): void {
  if (typeof handler === 'function') return
  throw new JobsError('JOBS_INVALID_OPTION', `handler of ${describe(name)} must be a function`)
}

const PRESETS: Readonly<Record<keyof JobDefaults, true>> = {
  priority: true,
  delay: true,
  maxAttempts: true,
  retryDelay: true,
  timeout: true,
  metadata: true,
  limiter: true,
}

function checkPresets(name: string, options: JobDefaults): void {
  checkJobOptions(options, DEFAULT_SIZES)
  for (const option of Object.keys(options)) {
    if (Object.hasOwn(PRESETS, option)) continue
    throw new JobsError(
      'JOBS_INVALID_OPTION',
      `${option} of job ${describe(name)} cannot be preset by its definition; pass it to enqueue`,
    )
  }
}

function checkRetry(retry: Partial<RetryConfig>): void {
  const { maxAttempts, backoff, initialDelay, maxDelay, jitter } = retry
  for (const key of Object.keys(retry)) {
    if (!(key in DEFAULT_RETRY)) {
      throw new JobsError('JOBS_INVALID_OPTION', `there is no retry option ${describe(key)}`)
    }
  }
  if (maxAttempts !== undefined) checkInteger('retry.maxAttempts', maxAttempts, 1, 1_000_000)
  if (initialDelay !== undefined) checkDuration('retry.initialDelay', initialDelay)
  if (maxDelay !== undefined) checkDuration('retry.maxDelay', maxDelay)
  if (jitter !== undefined && !(typeof jitter === 'number' && jitter >= 0 && jitter <= 1)) {
    throw new JobsError('JOBS_INVALID_OPTION', 'retry.jitter must be a number from 0 to 1')
  }
  const known: readonly unknown[] = ['fixed', 'linear', 'exponential']
  if (backoff !== undefined && typeof backoff !== 'function' && !known.includes(backoff)) {
    throw new JobsError(
      'JOBS_INVALID_OPTION',
      "retry.backoff must be 'fixed', 'linear', 'exponential' or a function",
    )
  }
}
