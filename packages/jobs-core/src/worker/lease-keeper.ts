import type { CancelTimer, Clock, JobsLogger, Timers } from '../runtime/ports.ts'
import type { Lease, LeaseState } from '../storage/lease.ts'

/** A lease this process holds, and whom to tell about it. */
export interface HeldLease {
  readonly lease: Lease
  readonly leaseMs: number
  /** Until when the store surely hides the job, on the monotonic clock. Kept up by the keeper. */
  expiresAt: number
  /** What a heartbeat learned; `held` is not told. */
  leaseChanged(state: Exclude<LeaseState, 'held'>): void
}

/** What the keeper needs of its surroundings. */
export interface LeaseKeeperPorts {
  readonly clock: Clock
  readonly timers: Timers
  readonly logger: JobsLogger
  readonly extend: (
    leases: readonly Lease[],
    leaseMs: number,
    deadlineMs: number,
  ) => Promise<readonly LeaseState[]>
}

/** Leases are renewed when this share of their time has passed, so that two heartbeats may fail. */
const RENEW_AFTER = 1 / 3

/** An unanswered heartbeat is repeated this often within a lease. */
const HEARTBEAT_DEADLINE = 1 / 3

/** At most so many leases per call. */
const BATCH = 5_000

/**
 * Renews the leases of this process in batches and tells attempts when theirs is lost, cancelled or
 * paused. A lease that could not be renewed in time counts as lost, because another worker may hold
 * the job by then; the attempt's result is offered all the same, and the token decides.
 */
export class LeaseKeeper {
  readonly #ports: LeaseKeeperPorts
  readonly #held = new Set<HeldLease>()
  #cancelTimer: CancelTimer | null = null
  #tickMs = Number.POSITIVE_INFINITY
  #beating: Promise<void> | null = null

  constructor(ports: LeaseKeeperPorts) {
    this.#ports = ports
  }

  get size(): number {
    return this.#held.size
  }

  hold(lease: HeldLease): void {
    this.#held.add(lease)
    const tickMs = lease.leaseMs * RENEW_AFTER * 0.5
    if (this.#cancelTimer === null || tickMs < this.#tickMs) this.#arm(tickMs)
  }

  letGo(lease: HeldLease): void {
    this.#held.delete(lease)
  }

  /**
   * Renews what is due for it. One round at a time; a call during a round gets that round.
   *
   * @param queue - renew every lease of this queue, due or not: something there has changed.
   */
  async beat(queue?: string): Promise<void> {
    while (this.#beating !== null) await this.#beating
    this.#beating = this.#round(queue).finally(() => {
      this.#beating = null
    })
    await this.#beating
  }

  #arm(tickMs: number): void {
    this.#cancelTimer?.()
    this.#tickMs = tickMs
    this.#cancelTimer = this.#ports.timers.after(
      tickMs,
      () => {
        this.#cancelTimer = null
        void this.beat().then(() => {
          if (this.#held.size > 0 && this.#cancelTimer === null) this.#arm(this.#smallestTick())
        })
      },
      { background: true },
    )
  }

  #smallestTick(): number {
    let leaseMs = Number.POSITIVE_INFINITY
    for (const held of this.#held) leaseMs = Math.min(leaseMs, held.leaseMs)
    return leaseMs * RENEW_AFTER * 0.5
  }

  async #round(queue: string | undefined): Promise<void> {
    const now = this.#ports.clock.monotonic()
    const byDuration = new Map<number, HeldLease[]>()
    for (const held of this.#held) {
      const due = held.expiresAt - held.leaseMs * (1 - RENEW_AFTER) <= now
      if (!due && held.lease.queue !== queue) continue
      const group = byDuration.get(held.leaseMs)
      if (group === undefined) byDuration.set(held.leaseMs, [held])
      else group.push(held)
    }
    for (const [leaseMs, group] of byDuration) {
      for (let from = 0; from < group.length; from += BATCH) {
        await this.#renew(group.slice(from, from + BATCH), leaseMs)
      }
    }
  }

  async #renew(batch: readonly HeldLease[], leaseMs: number): Promise<void> {
    const { clock, logger, extend } = this.#ports
    const askedAt = clock.monotonic()
    try {
      const states = await extend(
        batch.map((held) => held.lease),
        leaseMs,
        leaseMs * HEARTBEAT_DEADLINE,
      )
      for (let index = 0; index < batch.length; index++) {
        const held = batch[index]!
        const state = states[index]!
        if (state === 'held' || state === 'paused') {
          held.expiresAt = Math.max(held.expiresAt, askedAt + leaseMs)
        }
        if (state !== 'held' && this.#held.has(held)) held.leaseChanged(state)
      }
    } catch (error) {
      logger.warn('a heartbeat was not answered; it is repeated', { leases: batch.length, error })
      const now = clock.monotonic()
      for (const held of batch) {
        if (held.expiresAt <= now && this.#held.has(held)) held.leaseChanged('lost')
      }
    }
  }
}
