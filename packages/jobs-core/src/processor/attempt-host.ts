import type { QueueEvents } from '../events/queue-events.ts'
import type { SizeLimits } from '../size-limits.ts'
import type { HandlerMiddleware } from '../middleware/handler-middleware.ts'
import type { NewJobFactory } from '../queue/new-job-factory.ts'
import type { RuntimePorts } from '../runtime/ports.ts'
import type { Answered } from '../storage/answered.ts'
import type { FollowUpConflict, SettleResult } from '../storage/settlement.ts'
import type { StoreSession } from '../worker/store-session.ts'
import type { Attempt } from './attempt.ts'

/** What an attempt needs of its processor, and whom it tells. */
export interface AttemptHost {
  readonly ports: RuntimePorts
  readonly session: StoreSession
  readonly events: QueueEvents
  readonly sizes: SizeLimits
  readonly newJobs: NewJobFactory
  readonly leaseMs: number
  readonly timeoutGraceMs: number
  /** What runs around handlers, outermost first. Replaced, never changed, when one is added. */
  readonly middleware: readonly HandlerMiddleware[]
  /** The attempt has begun: it takes a slot. */
  started(attempt: Attempt): void
  /** How long the settlement of the attempt, a success that has just ended, may wait for others, in milliseconds. */
  patienceFor(attempt: Attempt): number
  /** The attempt needs its slot no longer. */
  finished(attempt: Attempt): void
  /** The store has answered; `ending` says what it was told. */
  ended(attempt: Attempt, ending: Ending, result: SettleAnswer): void
}

/** How an attempt ended, for those who want to hear of it. */
export type Ending =
  | { readonly type: 'completed'; readonly data: unknown }
  | {
      readonly type: 'failed'
      readonly error: Error
      /** When the next attempt follows; `null` after the last. */
      readonly delayMs: number | null
    }
  | {
      readonly type: 'released'
      readonly delayMs: number
      readonly limiterPausedMs?: number
    }

/** A store's answer that ends an attempt. */
export type SettleAnswer = Exclude<Answered<SettleResult>, FollowUpConflict>
