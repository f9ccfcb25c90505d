import type { ClaimRequest, JobStore, Lease } from '@cgk/jobs-core'
import { expect } from 'vitest'
import { untilDone } from './until-done.ts'

const CALL_MS = 1_000

/** Takes back a lease that has expired and claims its job anew, however often the calls fail. */
export async function claimAgain(store: JobStore, claim: ClaimRequest): Promise<Lease> {
  let lease: Lease | undefined
  const options = () => ({ signal: AbortSignal.timeout(CALL_MS) })
  await expect
    .poll(
      async () => {
        await untilDone(() => store.maintain({ limit: 10 }, options()))
        const again = { ...claim, leaseMs: 30_000, suspects: true }
        lease = (await untilDone(() => store.claim(again, options()))).jobs[0]
        return lease
      },
      { timeout: 30_000 },
    )
    .toBeDefined()
  return lease!
}
