import type { Settlement } from '@cgk/jobs-core'
import { madeId, plainToken } from './decode-record.ts'
import { tenantText } from './encode-job.ts'

/** Plain jobs of one claim that follow one another and were all completed; see `lua/plain-jobs.ts`. */
interface Run {
  readonly key: PlainKey
  readonly hasResults: boolean
  readonly first: number
  /** Where they are in the call. */
  readonly places: number[]
}

/** What the plain jobs of a run have in common. */
interface PlainKey {
  readonly tenant: string
  readonly claim: string
  readonly nonce: string
  readonly series: string
  readonly created: number
  readonly idPrefix: string
}

interface Completion {
  readonly place: number
  readonly serial: number
  readonly key: PlainKey
  readonly result: string | null
}

/** Settlements in two parts. */
export interface SplitSettlements {
  readonly runs: readonly Run[]
  /** The places of what is settled one by one. */
  readonly others: readonly number[]
}

/** Of a plain job, the claim, its serial, and the random digits of the claim. */
const TOKEN = /^(\d{1,15})-(\d{1,15})\.(.+)$/

/** Finds the completions of plain jobs, in runs that share no job. */
export function splitSettlements(settlements: readonly Settlement[]): SplitSettlements {
  const others: number[] = []
  const completions: Completion[] = []
  let key: PlainKey | undefined
  for (const [place, settlement] of settlements.entries()) {
    const completion = completionOf(settlement, place, key)
    if (completion === undefined) others.push(place)
    else completions.push(completion)
    key = completion?.key ?? key
  }
  completions.sort((one, two) => one.serial - two.serial || one.place - two.place)
  const runs: Run[] = []
  let last: Run | undefined
  for (const { place, serial, key, result } of completions) {
    const next = last && last.first + last.places.length
    const series = runs[0]?.key.series ?? key.series
    if ((next !== undefined && serial < next) || key.series !== series) {
      others.push(place)
    } else if (
      last &&
      serial === next &&
      isSame(last.key, key) &&
      last.hasResults === (result !== null)
    ) {
      last.places.push(place)
    } else {
      last = { key, hasResults: result !== null, first: serial, places: [place] }
      runs.push(last)
    }
  }
  others.sort((one, two) => one - two)
  return { runs, others }
}

/** The series of the ids, how many runs, and each; see `functions/settle.ts`. */
export function runArguments(runs: readonly Run[], settlements: readonly Settlement[]): string[] {
  const args = [runs[0]?.key.series ?? '', String(runs.length)]
  for (const { key, hasResults, first, places } of runs) {
    const { tenant, claim, nonce, created } = key
    args.push(tenant, claim, nonce, String(created), String(first), String(places.length))
    args.push(hasResults ? 'r' : '')
    if (hasResults) args.push(...places.map((place) => resultOf(settlements[place]!)!))
  }
  return args
}

function resultOf({ outcome }: Settlement): string | null {
  return outcome.type === 'complete' ? outcome.result : null
}

function isSame(one: PlainKey, two: PlainKey): boolean {
  return (
    one === two ||
    (one.claim === two.claim &&
      one.tenant === two.tenant &&
      one.idPrefix === two.idPrefix &&
      one.nonce === two.nonce)
  )
}

/** @param known - what the one before had; most have the same. */
function completionOf(
  settlement: Settlement,
  place: number,
  known: PlainKey | undefined,
): Completion | undefined {
  const { lease, outcome, followUps, discard, headers } = settlement
  if (outcome.type !== 'complete' || discard || followUps.length > 0 || headers !== undefined)
    return
  const { id, token } = lease
  const serial = Number(`0x${id.slice(-10)}`)
  const idPrefix = id.slice(0, -10)
  const tenant = tenantText(lease.tenantId)
  const isKnown =
    known !== undefined &&
    known.idPrefix === idPrefix &&
    known.tenant === tenant &&
    token === plainToken(known.claim, serial, known.nonce)
  const key = isKnown ? known : keyOf(idPrefix, tenant, token, serial)
  // An id in other letters is another id.
  if (key === undefined || id !== madeId(key.series, key.created, serial)) return
  return { place, serial, key, result: outcome.result }
}

function keyOf(
  idPrefix: string,
  tenant: string,
  token: string,
  serial: number,
): PlainKey | undefined {
  const parts = TOKEN.exec(token)
  if (parts === null || parts[2] !== String(serial)) return
  const created = Number.parseInt(idPrefix.slice(4, -7), 36)
  if (!Number.isSafeInteger(created)) return
  return {
    tenant,
    claim: parts[1]!,
    nonce: parts[3]!,
    series: idPrefix.slice(-6),
    created,
    idPrefix,
  }
}
