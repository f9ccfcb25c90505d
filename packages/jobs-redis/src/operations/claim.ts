import type { ClaimedJob, ClaimRequest, ClaimResult } from '@cgk/jobs-core'
import { decodeClaimed, type IdSeries, type JobReply } from '../decode-record.ts'
import { PlainReader, type PlainClaim } from '../plain-job.ts'

/** Five arguments, the first of which is empty where nothing is claimed. */
export function claimArguments(claim: ClaimRequest | undefined): string[] {
  if (claim === undefined) return ['', '', '', '', '']
  const { slots, prefetch, leaseMs, worker, suspects } = claim
  return [String(slots), String(prefetch), String(leaseMs), worker, suspects ? '1' : '']
}

/**
 * The jobs (of plain ones the serial and then the body), when more can be claimed, whether a release is
 * awaited, whether suspects wait, the time, and the claim of plain jobs.
 */
export type ClaimReply = readonly [
  jobs: readonly (number | string | JobReply)[],
  nextDueInMs: string,
  awaitsRelease: number,
  hasSuspects: number,
  now: string,
  claim: number,
]

export function toClaimResult(
  from: IdSeries & Pick<PlainClaim, 'worker' | 'nonce'>,
  [replies, nextDueInMs, awaitsRelease, hasSuspects, now, claim]: ClaimReply,
): ClaimResult {
  const { queue, series, worker, nonce } = from
  const plain = new PlainReader({
    queue,
    series,
    worker,
    nonce,
    claim,
    claimedAt: Number(now),
  })
  const jobs: ClaimedJob[] = []
  for (let at = 0; at < replies.length; at++) {
    const reply = replies[at]!
    if (typeof reply === 'number') jobs.push(plain.read(reply, replies[++at] as string))
    else jobs.push(decodeClaimed(from, reply as JobReply))
  }
  return {
    jobs,
    nextDueInMs: nextDueInMs === '' ? null : Number(nextDueInMs),
    awaitsRelease: awaitsRelease === 1,
    hasSuspects: hasSuspects === 1,
  }
}
