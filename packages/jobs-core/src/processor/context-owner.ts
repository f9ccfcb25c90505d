import type { JobsError } from '../errors.ts'
import type { Answered } from '../storage/answered.ts'
import type { ClaimedJob, LeaseState } from '../storage/lease.ts'
import type { AttemptCompletion } from './attempt-completion.ts'
import type { AttemptHost } from './attempt-host.ts'

/** What the parts of a handler's context ask of its attempt. */
export interface ContextOwner {
  readonly lease: ClaimedJob
  readonly completion: AttemptCompletion
  readonly host: Pick<AttemptHost, 'ports' | 'session' | 'sizes'>
  /** What the handler says once its attempt is over is dropped. */
  readonly running: boolean
  /** Why the attempt was aborted; `null` while it was not. */
  readonly abortReason: JobsError | null
  /** Until when the store surely hides the job, on the monotonic clock. */
  expiresAt: number
  /** Something of the attempt is with the reporter: its outcome has to wait for that. */
  reported: boolean
  /** The store said so. */
  leaseChanged(state: Exclude<Answered<LeaseState>, 'held'>): void
}
