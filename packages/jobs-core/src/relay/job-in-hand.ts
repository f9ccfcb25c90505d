import type { ClaimedJob } from '../storage/lease.ts'
import type { HeldLease } from '../worker/lease-keeper.ts'

/** How long a job of a vanished relay stays hidden. */
export const LEASE_MS = 3_000

/** A job between two stores. */
export class JobInHand implements HeldLease {
  readonly lease: ClaimedJob
  readonly leaseMs = LEASE_MS
  expiresAt: number
  keeperPlace = -1
  /** Whether nothing was heard since the claim that speaks against relaying it. */
  isHeld = true

  constructor(lease: ClaimedJob, expiresAt: number) {
    this.lease = lease
    this.expiresAt = expiresAt
  }

  leaseChanged(): void {
    this.isHeld = false
  }
}
