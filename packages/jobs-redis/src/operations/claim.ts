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
 * awaited, whether suspects wait, the time, the claim of plain jobs, and the sheets that they begin with: of each
 * its claim and how many are on it.
 */
export type ClaimReply = readonly [
  jobs: readonly (number | string | JobReply)[],
  nextDueInMs: string,
  awaitsRelease: number,
  hasSuspects: number,
  now: string,
  claim: number,
  sheets: readonly number[],
]

export function toClaimResult(
  from: IdSeries & Pick<PlainClaim, 'worker' | 'nonce'>,
  [replies, nextDueInMs, awaitsRelease, hasSuspects, now, claim, sheets]: ClaimReply,
): ClaimResult {
  const { queue, series, worker, nonce } = from
  const readerOf = (number: number): PlainReader =>
    new PlainReader({ queue, series, worker, nonce, claim: number, claimedAt: Number(now) })
  const plain = readerOf(claim)
  const jobs: ClaimedJob[] = []
  const onSheets = sheetsInOrder(sheets, readerOf)
  let sheet = onSheets.shift()
  for (let at = 0; at < replies.length; at++) {
    const reply = replies[at]!
    if (typeof reply !== 'number') {
      jobs.push(decodeClaimed(from, reply as JobReply))
      continue
    }
    const body = replies[++at] as string
    if (sheet === undefined) {
      jobs.push(plain.read(reply, body))
      continue
    }
    jobs.push(sheet.reader.read(reply, body, ++sheet.read))
    if (sheet.read === sheet.size) sheet = onSheets.shift()
  }
  return {
    jobs,
    nextDueInMs: nextDueInMs === '' ? null : Number(nextDueInMs),
    awaitsRelease: awaitsRelease === 1,
    hasSuspects: hasSuspects === 1,
  }
}

interface Sheet {
  readonly reader: PlainReader
  readonly size: number
  read: number
}

function sheetsInOrder(
  numbers: readonly number[],
  readerOf: (claim: number) => PlainReader,
): Sheet[] {
  const sheets: Sheet[] = []
  for (let at = 0; at < numbers.length; at += 2) {
    sheets.push({ reader: readerOf(numbers[at]!), size: numbers[at + 1]!, read: 0 })
  }
  return sheets
}
