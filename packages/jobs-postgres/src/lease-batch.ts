import type { Lease } from '@cgk/jobs-core'
import type { Parameter } from '@cgk/db'
import { createdAtOf } from './job-ids.ts'
import { readToken } from './token.ts'

/** A lease as SQL is told of it: `lease` is the place of its claim among those of the batch, from 1. */
export interface ListedLease {
  readonly lease: number
  readonly turn: number
  /** In decimal digits. */
  readonly id: string
  readonly tenant: string
  /** `null` where the store made the job's id for that row, and `createdAt` is what else is in it. */
  readonly jobId: string | null
  readonly createdAt: number | null
}

/** A job's id, as SQL compares it with the row that a token names. */
export function nameOf(jobId: string, id: string): Pick<ListedLease, 'jobId' | 'createdAt'> {
  const createdAt = createdAtOf(jobId, id)
  return { jobId: createdAt === null ? jobId : null, createdAt }
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

  /** A lease that cannot be current is left out. */
  add({ token, tenantId, id }: Lease, said: T): void {
    const read = readToken(token)
    if (read === null) return
    let lease = this.#places.get(read.claim)
    if (lease === undefined) {
      lease = this.claims.push(read.claim)
      this.#places.set(read.claim, lease)
    }
    this.entries.push({
      lease,
      turn: read.turn,
      id: read.id,
      tenant: tenantId ?? '',
      ...nameOf(id, read.id),
      said,
    })
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
    `{${entries.map(({ id }) => id).join()}}`,
    isOfOneTenant(entries) ? [entries[0]!.tenant] : entries.map(({ tenant }) => tenant),
    entries.every(({ jobId }) => jobId === null) ? null : entries.map(({ jobId }) => jobId),
    entries.map(({ createdAt }) => createdAt),
  ]
}

function isOfOneTenant(entries: readonly ListedLease[]): boolean {
  return entries.length > 0 && entries.every(({ tenant }) => tenant === entries[0]!.tenant)
}
