import type { ClaimedJob } from '@cgk/jobs-core'

const SHOWN = 5

/** The error for handlers that do not come to an end. */
export function stuckError(what: string, afterMs: number): Error {
  return new Error(
    `still running after ${afterMs} ms of real time: ${what || 'a function of the test'}. ` +
      'Time stands still while handlers run. For one that waits for its timeout or its signal, use ' +
      '`advance(ms, { whileRunning: true })`; for one that is slow, a longer `stuckAfter`.',
  )
}

/** The error for jobs that follow each other without end at one instant. */
export function runawayError(name: string, attempts: number): Error {
  return new Error(
    `more than ${attempts} attempts without time passing, most of them of job "${name}": ` +
      'does it make itself again without a delay?',
  )
}

/** Jobs for people, in one line. */
export function describeHeld(held: readonly ClaimedJob[]): string {
  const shown = held.slice(0, SHOWN).map(describe)
  if (held.length > SHOWN) shown.push(`and ${held.length - SHOWN} more`)
  return shown.join(', ')
}

function describe({ name, id, tenantId, attempts }: ClaimedJob): string {
  return `job "${name}" (${id}${tenantId === null ? '' : ` of ${tenantId}`}, attempt ${attempts})`
}
