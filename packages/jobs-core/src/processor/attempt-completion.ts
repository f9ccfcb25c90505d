import { JobsError } from '../errors.ts'
import type { JobStore } from '../storage/job-store.ts'
import type { Answered } from '../storage/answered.ts'
import type { ClaimedJob } from '../storage/lease.ts'
import type { Settlement, SettleResult } from '../storage/settlement.ts'
import type { AttemptContext } from './job-handler.ts'

/** A success, ready to be stored. */
export interface Completion {
  readonly settlement: Settlement
  /** What the handler returned. */
  readonly data: unknown
}

/**
 * For packages of stores: what it takes to store the completion of an attempt from within its handler,
 * together with something else.
 */
export interface AttemptCompletion {
  readonly lease: ClaimedJob
  /** Where the lease is. */
  readonly store: JobStore
  /** Why the attempt may complete no more; `null` while it may. The store has the last word. */
  readonly over: JobsError | null
  /** Resolves when what the handler reported until now is stored: that comes before the completion. */
  reportsStored(): Promise<void>
  /**
   * What a handler's result comes to; `null` for all but a success.
   *
   * @throws {@link JobsError} for follow-ups or headers that cannot be stored.
   */
  completionOf(result: unknown): Promise<Completion | null>
  /** What the handler is told when the store did not take its completion. */
  refusalOf(answer: Exclude<Answered<SettleResult>, 'settled'>): JobsError
  /** The store has recorded it: whatever the handler returns or throws is not looked at any more. */
  recorded(completion: Completion): void
}

/** Under this key a context carries what {@link completionOf} answers. Registered: see `internalsOf`. */
export const COMPLETION: unique symbol = Symbol.for('@cgk/jobs-core.attempt') as never

/** @throws {@link JobsError} `JOBS_INVALID_CONFIG` for a context that no handler was given. */
export function completionOf(context: AttemptContext): AttemptCompletion {
  const attempt = (context as { readonly [COMPLETION]?: AttemptCompletion } | undefined)?.[
    COMPLETION
  ]
  if (attempt !== undefined) return attempt
  throw new JobsError(
    'JOBS_INVALID_CONFIG',
    'the context must be the one that a processor gave to the handler, not a copy',
  )
}
