import type { Lease } from '@cgk/jobs-core'
import type { Parameter } from '@cgk/db'
import { factsOf, type LeaseFacts } from './claimed-lease.ts'

/** A lease as SQL is told of it: `lease` is the place of its claim among those of the batch, from 1. */
export interface ListedLease extends Omit<LeaseFacts, 'claim' | 'isBare'> {
  readonly lease: number
  readonly tenant: string
}

/** What a call says of a lease. */
export interface BatchEntry<T> extends ListedLease {
  readonly isBare: boolean
  readonly said: T
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
  add(lease: Lease, said: T): void {
    const facts = factsOf(lease)
    if (facts === null) return
    const { claim, turn, id, jobId, createdAt, isBare } = facts
    let place = this.#places.get(claim)
    if (place === undefined) {
      place = this.claims.push(claim)
      this.#places.set(claim, place)
    }
    const tenant = lease.tenantId ?? ''
    this.entries.push({ lease: place, turn, id, tenant, jobId, createdAt, isBare, said })
  }
}

/** The leases, each with its place among them, by queue: no statement concerns more than one. */
export function batchLeases<T>(
  items: readonly T[],
  leaseOf: (item: T) => Lease,
): readonly LeaseBatch<{ readonly item: T; readonly place: number }>[] {
  const batches = new Map<string, LeaseBatch<{ item: T; place: number }>>()
  for (const [index, item] of items.entries()) {
    const lease = leaseOf(item)
    let batch = batches.get(lease.queue)
    if (batch === undefined) batches.set(lease.queue, (batch = new LeaseBatch(lease.queue)))
    batch.add(lease, { item, place: index + 1 })
  }
  return [...batches.values()].filter(({ entries }) => entries.length > 0)
}

/** The leases as the arrays that SQL functions take, from p_leases on. */
export function leaseColumns(entries: readonly ListedLease[]): readonly Parameter[] {
  return [
    entries.map(({ lease }) => lease),
    entries.map(({ turn }) => turn),
    idsOf(entries),
    entries.length === 0 ? [] : oneOrAll(entries.map(({ tenant }) => tenant)),
    entries.every(({ jobId }) => jobId === null) ? null : entries.map(({ jobId }) => jobId),
    entries.map(({ createdAt }) => createdAt),
  ]
}

/** An array of bigint, as its text. */
export function idsOf(entries: readonly ListedLease[]): string {
  return `{${entries.map(({ id }) => id).join()}}`
}

/** Where all are the same, only one of them. */
export function oneOrAll<T>(values: readonly T[]): readonly T[] {
  const [first] = values
  return values.length > 0 && values.every((value) => value === first) ? [first as T] : values
}
