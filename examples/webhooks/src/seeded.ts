import { createHash } from 'node:crypto'

/** What a decision is about: its parts, in order. */
export type Subject = readonly (string | number)[]

/**
 * An evenly distributed number in [0, 1) that follows from the seed and the subject alone. Nothing
 * that is decided so depends on the order in which jobs happen to run.
 */
export function fraction(seed: number, subject: Subject): number {
  return digest(seed, subject).readUIntBE(0, 6) / 2 ** 48
}

/** A UUID that follows from the seed and the subject alone. */
export function seededUuid(seed: number, subject: Subject): string {
  const hex = digest(seed, subject).toString('hex')
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-a${hex.slice(17, 20)}-${hex.slice(20, 32)}`
}

/** Secret text that follows from the seed and the subject alone. */
export function seededSecret(seed: number, subject: Subject): string {
  return digest(seed, subject).toString('base64url')
}

function digest(seed: number, subject: Subject): Buffer {
  return createHash('sha256')
    .update(JSON.stringify([seed, ...subject]))
    .digest()
}
