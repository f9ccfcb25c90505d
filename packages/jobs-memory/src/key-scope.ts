import type { LimitState } from '@cgk/jobs-core'
import { Allowance, type AllowanceOwner } from './allowance.ts'
import type { Lane } from './lane.ts'

/** A key of one lane about which limits say something. */
export class KeyScope implements AllowanceOwner {
  readonly allowance: Allowance
  readonly #lane: Lane
  readonly #key: string

  constructor(lane: Lane, key: string, effective: LimitState['effective'], now: number) {
    this.#lane = lane
    this.#key = key
    this.allowance = new Allowance(this)
    for (const gate of lane.gatesOf(key)) this.allowance.leased += gate.held
    this.allowance.apply(effective, now)
  }

  /** Whether a job of the key may start; what waits for it is looked at again when it may. */
  admits(): boolean {
    return this.#lane.queue.openings.admits(this.allowance, true)
  }

  reconsider(): boolean {
    this.#lane.queue.openings.rest(this.allowance)
    let opened = false
    for (const gate of this.#lane.gatesOf(this.#key)) opened = gate.reconsider() || opened
    return opened
  }
}
