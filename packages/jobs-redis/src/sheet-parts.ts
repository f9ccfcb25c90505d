import type { Settlement } from '@cgk/jobs-core'
import type { PlainLease } from './plain-job.ts'
import { resultOf } from './result-of.ts'

/** Jobs that follow one another on the sheet of their claim and were all completed; see `lua/sheets.ts`. */
export interface SheetPart {
  readonly claim: number
  readonly nonce: string
  readonly hasResults: boolean
  /** From 1. */
  readonly first: number
  readonly serials: number[]
  /** Where they are in the call. */
  readonly places: number[]
}

/** A completion of a job on a sheet. */
export interface OnSheet {
  readonly lease: PlainLease & { readonly place: number }
  readonly hasResult: boolean
  /** Where it is in the call. */
  readonly place: number
}

/** Finds the parts that completions make, which share no job, and those that are one too many. */
export function partsOfSheets(completions: readonly OnSheet[]): {
  readonly parts: readonly SheetPart[]
  readonly others: readonly number[]
} {
  const parts: SheetPart[] = []
  const others: number[] = []
  let last: SheetPart | undefined
  for (const { lease, hasResult, place } of completions.toSorted(inOrder)) {
    const { claim, nonce } = lease.key
    const isSame = last !== undefined && last.claim === claim && last.nonce === nonce
    const next = isSame ? last!.first + last!.places.length : 0
    if (lease.place < next) {
      others.push(place)
    } else if (isSame && lease.place === next && last!.hasResults === hasResult) {
      last!.serials.push(lease.serial)
      last!.places.push(place)
    } else {
      last = {
        claim,
        nonce,
        hasResults: hasResult,
        first: lease.place,
        serials: [lease.serial],
        places: [place],
      }
      parts.push(last)
    }
  }
  return { parts, others }
}

/** How many parts, and each; see `functions/settle.ts`. */
export function partArguments(
  parts: readonly SheetPart[],
  settlements: readonly Settlement[],
): string[] {
  const args = [String(parts.length)]
  for (const { claim, nonce, hasResults, first, serials, places } of parts) {
    args.push(String(claim), nonce, String(first), String(places.length), serials.join())
    args.push(hasResults ? 'r' : '')
    for (const place of hasResults ? places : []) args.push(resultOf(settlements[place]!)!)
  }
  return args
}

function inOrder(one: OnSheet, two: OnSheet): number {
  return (
    one.lease.key.claim - two.lease.key.claim ||
    (one.lease.key.nonce < two.lease.key.nonce
      ? -1
      : +(one.lease.key.nonce > two.lease.key.nonce)) ||
    one.lease.place - two.lease.place ||
    one.place - two.place
  )
}
