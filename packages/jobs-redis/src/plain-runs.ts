import type { Settlement } from '@cgk/jobs-core'
import { plainLeaseOf, type PlainKey, type PlainLease } from './plain-job.ts'
import { resultOf } from './result-of.ts'
import { partsOfSheets, type OnSheet, type SheetPart } from './sheet-parts.ts'

/** Plain jobs of one claim that follow one another and were all completed; see `lua/plain-jobs.ts`. */
interface Run {
  readonly key: PlainKey
  readonly hasResults: boolean
  readonly first: number
  /** Where they are in the call. */
  readonly places: number[]
}

/** Settlements by the way they go. */
export interface SplitSettlements {
  readonly parts: readonly SheetPart[]
  readonly runs: readonly Run[]
  /** The places of what is settled one by one. */
  readonly others: readonly number[]
}

/** Finds the completions of plain jobs, in parts of sheets and runs that share no job. */
export function splitSettlements(settlements: readonly Settlement[]): SplitSettlements {
  const leases = settlements.map(completedLeaseOf)
  const places: number[] = []
  const onSheets: OnSheet[] = []
  const others: number[] = []
  for (let place = 0; place < leases.length; place++) {
    const lease = leases[place]!
    if (lease === null) others.push(place)
    else if (isOnSheet(lease)) {
      onSheets.push({ lease, hasResult: resultOf(settlements[place]!) !== null, place })
    } else places.push(place)
  }
  const { parts, others: repeated } = partsOfSheets(onSheets)
  others.push(...repeated)
  places.sort((one, two) => leases[one]!.serial - leases[two]!.serial || one - two)
  const runs: Run[] = []
  let last: Run | undefined
  for (const place of places) {
    const { key, serial } = leases[place]!
    const hasResults = resultOf(settlements[place]!) !== null
    const next = last && last.first + last.places.length
    const series = runs[0]?.key.series ?? key.series
    if ((next !== undefined && serial < next) || key.series !== series) {
      others.push(place)
    } else if (last && serial === next && isSame(last.key, key) && last.hasResults === hasResults) {
      last.places.push(place)
    } else {
      last = { key, hasResults, first: serial, places: [place] }
      runs.push(last)
    }
  }
  others.sort((one, two) => one - two)
  return { parts, runs, others }
}

/** The series of the ids, how many runs, and each; see `functions/settle.ts`. */
export function runArguments(runs: readonly Run[], settlements: readonly Settlement[]): string[] {
  const args = [runs[0]?.key.series ?? '', String(runs.length)]
  let before: PlainKey | undefined
  for (const { key, hasResults, first, places } of runs) {
    const isSameClaim = before !== undefined && isOfClaim(key, before)
    const code = `${isSameClaim ? '' : 'c'}${hasResults ? 'r' : ''}`
    args.push(key.tenant, String(first), String(places.length), code)
    if (!isSameClaim) args.push(String(key.claim), key.nonce, String(key.created))
    for (const place of hasResults ? places : []) args.push(resultOf(settlements[place]!)!)
    before = key
  }
  return args
}

/** Whether two were claimed together and made at the same time. */
function isOfClaim(one: PlainKey, two: PlainKey): boolean {
  return one.claim === two.claim && one.nonce === two.nonce && one.created === two.created
}

function isOnSheet(lease: PlainLease): lease is OnSheet['lease'] {
  return lease.place !== undefined
}

function isSame(one: PlainKey, two: PlainKey): boolean {
  return one === two || (isOfClaim(one, two) && one.tenant === two.tenant)
}

/** What the lease says, of a plain job that was completed and nothing else. */
function completedLeaseOf(settlement: Settlement): PlainLease | null {
  const { lease, outcome, followUps, discard, headers } = settlement
  if (outcome.type !== 'complete' || discard || followUps.length > 0 || headers !== undefined) {
    return null
  }
  return plainLeaseOf(lease)
}
