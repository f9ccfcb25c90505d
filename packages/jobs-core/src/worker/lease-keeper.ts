import type { CancelTimer, Clock, JobsLogger, Timers } from '../runtime/ports.ts'
import type { Answered } from '../storage/answered.ts'
import type { Lease, LeaseState } from '../storage/lease.ts'
import { Bag } from './bag.ts'
import { CALL_DEADLINE_MS } from './store-calls.ts'

/** A lease this process holds, and whom to tell about it. */
export interface HeldLease {
  readonly lease: Lease
  readonly leaseMs: number
  /** Until when the store surely hides the job, on the monotonic clock. Kept up by the keeper. */
  expiresAt: number
  /** Its place among the keeper's leases; -1 outside. For the keeper alone. */
  keeperPlace: number
  /** What a heartbeat learned; `held` is not told. May be told more than once. */
  leaseChanged(state: Exclude<Answered<LeaseState>, 'held'>): void
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

/** Leases are renewed when this share of their time has passed, looked for twice as often. */
const RENEW_AFTER = 1 / 3

/** A heartbeat that was not answered within this share of a lease is repeated at once. */
const HEARTBEAT_DEADLINE = 1 / 4

/** The pause before a heartbeat that failed outright is repeated. */
const REPEAT_AFTER_MS = 100

/** At most so many leases per call. */
const BATCH = 5_000

/**
 * Renews the leases of this process in batches and tells attempts when theirs is lost, cancelled or
 * paused. A lease that could not be renewed in time counts as lost, because another worker may hold
 * the job by then; the attempt's result is offered all the same, and the token decides.
 */
export class LeaseKeeper {
  readonly #ports: LeaseKeeperPorts
  readonly #held = new Bag<'keeperPlace', HeldLease>('keeperPlace')
  readonly #renewing = new Set<HeldLease>()
  readonly #calls = new Set<Promise<void>>()
  /** Queues all of whose leases are to be renewed, due or not. */
  readonly #changedQueues = new Set<string>()
  #timer: { readonly ms: number; readonly at: number; readonly cancel: CancelTimer } | null = null

  constructor(ports: LeaseKeeperPorts) {
    this.#ports = ports
  }

  hold(lease: HeldLease): void {
    this.#held.add(lease)
    this.#wakeIn(lease.leaseMs * RENEW_AFTER * 0.5)
  }

  letGo(lease: HeldLease): void {
    this.#held.delete(lease)
  }

  /**
   * Renews what is due for it, and resolves when every heartbeat under way has been answered.
   *
   * @param queue - renew every lease of this queue, due or not: something there has changed.
   */
  async beat(queue?: string): Promise<void> {
    if (queue !== undefined) this.#changedQueues.add(queue)
    this.#renewDue()
    await Promise.all(this.#calls)
  }

  #wakeIn(ms: number): void {
    // It was set for as soon, and earlier: with each job it costs no look at the clock.
    if (this.#timer !== null && this.#timer.ms <= ms) return
    const at = this.#ports.clock.monotonic() + ms
    if (this.#timer !== null) {
      if (this.#timer.at <= at) return
      this.#timer.cancel()
    }
    const cancel = this.#ports.timers.after(
      ms,
      () => {
        this.#timer = null
        this.#renewDue()
        let nextMs = Infinity
        for (const held of this.#held.toArray()) nextMs = Math.min(nextMs, held.leaseMs)
        if (nextMs < Infinity) this.#wakeIn(nextMs * RENEW_AFTER * 0.5)
      },
      { background: true },
    )
    this.#timer = { ms, at, cancel }
  }

  // Batches go out beside each other: one that is not answered must not cost the others their leases.
  #renewDue(): void {
    const now = this.#ports.clock.monotonic()
    const byDuration = new Map<number, HeldLease[]>()
    const again = new Set<string>()
    for (const held of this.#held.toArray()) {
      const { queue } = held.lease
      const changed = this.#changedQueues.has(queue)
      const due = held.expiresAt - held.leaseMs * (1 - RENEW_AFTER) <= now
      if (this.#renewing.has(held)) {
        // The answer under way may be older than the change.
        if (changed) again.add(queue)
      } else if (due || changed) {
        const group = byDuration.get(held.leaseMs)
        if (group === undefined) byDuration.set(held.leaseMs, [held])
        else group.push(held)
      }
    }
    this.#changedQueues.clear()
    for (const queue of again) this.#changedQueues.add(queue)
    for (const [leaseMs, group] of byDuration) {
      for (let from = 0; from < group.length; from += BATCH) {
        this.#call(group.slice(from, from + BATCH), leaseMs)
      }
    }
  }

  #call(batch: readonly HeldLease[], leaseMs: number): void {
    for (const held of batch) this.#renewing.add(held)
    const call = this.#renew(batch, leaseMs).finally(() => {
      this.#calls.delete(call)
      for (const held of batch) this.#renewing.delete(held)
      if (this.#changedQueues.size > 0) this.#renewDue()
    })
    this.#calls.add(call)
  }

  async #renew(batch: readonly HeldLease[], leaseMs: number): Promise<void> {
    const { clock, extend } = this.#ports
    const askedAt = clock.monotonic()
    try {
      const states = await extend(
        batch.map((held) => held.lease),
        leaseMs,
        Math.min(leaseMs * HEARTBEAT_DEADLINE, CALL_DEADLINE_MS),
      )
      const unanswered: HeldLease[] = []
      for (let index = 0; index < batch.length; index++) {
        const held = batch[index]!
        const state = states[index]!
        if (state === 'unanswered') {
          unanswered.push(held)
          continue
        }
        if (state !== 'lost') held.expiresAt = Math.max(held.expiresAt, askedAt + leaseMs)
        if (state !== 'held' && this.#held.has(held)) held.leaseChanged(state)
      }
      if (unanswered.length > 0) this.#repeat(unanswered, {})
    } catch (error) {
      this.#repeat(batch, { error })
    }
  }

  #repeat(unanswered: readonly HeldLease[], reason: { readonly error?: unknown }): void {
    const { clock, logger } = this.#ports
    const leases = unanswered.length
    logger.warn('a heartbeat was not answered; it is repeated', { leases, ...reason })
    const now = clock.monotonic()
    for (const held of unanswered) {
      if (held.expiresAt <= now && this.#held.has(held)) held.leaseChanged('lost')
    }
    this.#wakeIn(REPEAT_AFTER_MS)
  }
}
