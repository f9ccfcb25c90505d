import type { Lease } from '@cgk/jobs-core'
import type { Parameter } from '@cgk/db'
import { factsOf, type LeaseFacts } from './claimed-lease.ts'

/** A lease as SQL is told of it, and what it is of. */
export interface BatchEntry<T> {
  /** The place of its claim among those of the batch, from 1. */
  readonly claim: number
  readonly facts: LeaseFacts
  readonly tenant: string
  readonly item: T
  /** The place of the item in the call, from 1. */
  readonly place: number
}

/** Leases of one queue that go to SQL together, each with what else the call says of it. */
export class LeaseBatch<T> {
  readonly queue: string
  /** The claims that the leases are of. */
  readonly claims: string[] = []
  readonly entries: BatchEntry<T>[] = []
  readonly #places = new Map<string, number>()

  constructor(queue: string) {
    this.queue = queue
  }

  /** A lease that cannot be current is left out. */
  add(lease: Lease, item: T, place: number): void {
    const facts = factsOf(lease)
    if (facts === null) return
    let claim = this.#places.get(facts.claim)
    if (claim === undefined) {
      claim = this.claims.push(facts.claim)
      this.#places.set(facts.claim, claim)
    }
    this.entries.push({ claim, facts, tenant: lease.tenantId ?? '', item, place })
  }
}

/** The leases, each with its place among them, by queue: no statement concerns more than one. */
export function batchLeases<T>(
  items: readonly T[],
  leaseOf: (item: T) => Lease,
): readonly LeaseBatch<T>[] {
  const batches = new Map<string, LeaseBatch<T>>()
  items.forEach((item, index) => {
    const lease = leaseOf(item)
    let batch = batches.get(lease.queue)
    if (batch === undefined) batches.set(lease.queue, (batch = new LeaseBatch(lease.queue)))
    batch.add(lease, item, index + 1)
  })
  return [...batches.values()].filter(({ entries }) => entries.length > 0)
}

/** The leases as the arrays that SQL functions take, from p_leases on. */
export function leaseColumns(entries: readonly BatchEntry<unknown>[]): readonly Parameter[] {
  return [
    entries.map(({ claim }) => claim),
    entries.map(({ facts }) => facts.turn),
    idsOf(entries),
    entries.length === 0 ? [] : oneOrAll(entries.map(({ tenant }) => tenant)),
    entries.every(({ facts }) => facts.jobId === null)
      ? null
      : entries.map(({ facts }) => facts.jobId),
    entries.map(({ facts }) => facts.createdAt),
  ]
}

/** An array of bigint, as its text. */
function idsOf(entries: readonly BatchEntry<unknown>[]): string {
  return `{${entries.map(({ facts }) => facts.id).join()}}`
}

/** Where all are the same, only one of them. */
export function oneOrAll<T>(values: readonly T[]): readonly T[] {
  const [first] = values
  return values.length > 0 && values.every((value) => value === first) ? [first as T] : values
}
