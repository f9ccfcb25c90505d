import type { ClaimRequest, ClaimResult, JobStore } from '@cgk/jobs-core'

/** Claims at each hint of the queue, as a worker with free slots would. */
export function work(
  store: JobStore,
  queue: string,
  given: Partial<ClaimRequest> = {},
  signal?: AbortSignal,
): Promise<ClaimResult>[] {
  const claims: Promise<ClaimResult>[] = []
  const request = { queue, slots: 5, prefetch: 0, leaseMs: 60_000, worker: 'w', suspects: false }
  store.subscribe!((wakeUp) => {
    if (wakeUp.queue !== queue) return
    const claim = store.claim({ ...request, ...given }, signal === undefined ? {} : { signal })
    claim.catch(() => {}) // Who looks at it may come late.
    claims.push(claim)
  })
  return claims
}
