import type { ClaimRequest, NewJob } from '@cgk/jobs-core'

export const QUEUE = 'orders'
export const LEASE_MS = 5_000

/** A job that nothing binds, unless more is said of it. */
export function newJob(more: Partial<NewJob> = {}): NewJob {
  return { queue: QUEUE, tenantId: 'acme', name: 'send', payload: '{}', priority: 0, ...more }
}

/** A claim of such jobs. */
export function claimRequest(more: Partial<ClaimRequest> = {}): ClaimRequest {
  const request = { queue: QUEUE, slots: 5, prefetch: 0, leaseMs: LEASE_MS, worker: 'w' }
  return { ...request, suspects: false, ...more }
}
