import type { Settlement } from '@cgk/jobs-core'

/** The result that a completion keeps, if it has one. */
export function resultOf({ outcome }: Settlement): string | null {
  return outcome.type === 'complete' ? outcome.result : null
}
