import type { Lease } from '@cgk/jobs-core'
import type { Parameter } from '@cgk/db'
import { parseJobId } from './job-ids.ts'
import { readToken } from './token.ts'

/** A lease as SQL is told of it: `lease` is the place of its claim among those of the batch, from 1. */
export interface ListedLease {
  readonly lease: number
  readonly turn: number
  readonly tenant: string
  readonly jobId: string
  /** What is in an id that the store made. */
  readonly id: bigint | null
  readonly createdAt: number | null
}

/** Leases of one queue that go to SQL together, each with what else the call says of it. */
export class LeaseBatch<T> {
  readonly queue: string
  /** The claims that the leases are of. */
  readonly claims: string[] = []
  readonly entries: (ListedLease & { readonly said: T })[] = []
  readonly #places = new Map<string, number>()

  constructor(queue: string) {
    this.queue = queue
  }

  /** Whether the lease can be current; else it is left out. */
  add({ token, tenantId, id }: Lease, said: T): boolean {
    const read = readToken(token)
    if (read === null) return false
    let lease = this.#places.get(read.claim)
    if (lease === undefined) {
      lease = this.claims.push(read.claim)
      this.#places.set(read.claim, lease)
    }
    const made = parseJobId(id)
    this.entries.push({
      lease,
      turn: read.turn,
      tenant: tenantId ?? '',
      jobId: id,
      id: made?.id ?? null,
      createdAt: made?.createdAt ?? null,
      said,
    })
    return true
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
    entries.map(({ tenant }) => tenant),
    entries.map(({ jobId }) => jobId),
    entries.map(({ id }) => id),
    entries.map(({ createdAt }) => createdAt),
  ]
}
