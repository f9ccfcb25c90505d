import type { ClaimRequest, ClaimResult } from '@cgk/jobs-core'
import { decodeClaimed, type JobReply } from '../decode-record.ts'

/** Five arguments, the first of which is empty where nothing is claimed. */
export function claimArguments(claim: ClaimRequest | undefined): string[] {
  if (claim === undefined) return ['', '', '', '', '']
  const { slots, prefetch, leaseMs, worker, suspects } = claim
  return [String(slots), String(prefetch), String(leaseMs), worker, suspects ? '1' : '']
}

/** The jobs, when more can be claimed, whether a release is awaited, whether suspects wait. */
export type ClaimReply = readonly [readonly JobReply[], string, number, number]

export function toClaimResult(
  queue: string,
  series: string,
  [jobs, nextDueInMs, awaitsRelease, hasSuspects]: ClaimReply,
): ClaimResult {
  const from = { queue, series }
  return {
    jobs: jobs.map((job) => decodeClaimed(from, job)),
    nextDueInMs: nextDueInMs === '' ? null : Number(nextDueInMs),
    awaitsRelease: awaitsRelease === 1,
    hasSuspects: hasSuspects === 1,
  }
}
