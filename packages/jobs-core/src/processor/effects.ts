import { isJobsError, JobsError } from '../errors.ts'
import { checkKey } from '../job/names.ts'
import { serialize } from '../job/serialize.ts'
import { RetryPause } from '../worker/retry-pause.ts'
import type { ContextOwner } from './context-owner.ts'
import { idempotencyKey } from './idempotency-key.ts'
import type { Effect, Remembered } from './job-handler.ts'
import { leaseLost } from './lease-lost.ts'

const LIMITS = { payloadBytes: 64 * 1024, depth: 64 }

/** How many results a job may remember. */
const MAX_EFFECTS = 100

/** What one attempt does once per job: it runs what no attempt has done, and remembers the rest. */
export class Effects {
  readonly #owner: ContextOwner
  readonly #calls = new Map<string, Promise<unknown>>()

  constructor(owner: ContextOwner) {
    this.#owner = owner
  }

  once<T>(key: string, effect: Effect<T>): Promise<Remembered<T>> {
    let call = this.#calls.get(key)
    if (call === undefined) {
      call = this.#begin(key, effect)
      this.#calls.set(key, call)
      call.catch(() => this.#calls.delete(key))
    }
    return call as Promise<Remembered<T>>
  }

  async #begin(key: string, effect: Effect<unknown>): Promise<unknown> {
    const { lease, host, running, abortReason } = this.#owner
    checkKey('the key of once', key, host.sizes.keyLength)
    const remembered = lease.effects
    if (remembered !== null && Object.hasOwn(remembered, key)) {
      return JSON.parse(remembered[key]!) as unknown
    }
    // Whoever has the job now may be doing the same.
    if (abortReason !== null || !running) throw this.#over()
    this.#checkCount(key)
    const value = await effect({ idempotencyKey: await idempotencyKey(lease, key) })
    // Read back here too, so that no attempt sees another value than the next one will.
    const text = value === undefined ? 'null' : serialize(value, 'what once remembers', LIMITS)
    await this.#store(key, text)
    return JSON.parse(text) as unknown
  }

  #checkCount(key: string): void {
    const keys = new Set([...Object.keys(this.#owner.lease.effects ?? {}), ...this.#calls.keys()])
    keys.delete(key)
    if (keys.size < MAX_EFFECTS) return
    throw new JobsError(
      'JOBS_INVALID_KEY',
      `job ${this.#owner.lease.id} remembers ${keys.size} effects already, the most there may be`,
    )
  }

  // Repeated until the store has answered: it takes the same effect any number of times, while an
  // effect that is not remembered would itself be repeated.
  async #store(key: string, text: string): Promise<void> {
    const { lease, host } = this.#owner
    const pause = new RetryPause(host.ports.timers)
    while (this.#owner.running) {
      this.#owner.reported = true
      try {
        if (await host.session.reporter.effect(lease, key, text)) return
        break
      } catch (error) {
        if (!isJobsError(error) || !error.retryable) throw error
      }
      await new Promise<void>((resolve) => {
        pause.before(resolve)
      })
    }
    throw this.#over()
  }

  #over(): JobsError {
    const { abortReason, lease } = this.#owner
    return abortReason ?? leaseLost(lease)
  }
}
