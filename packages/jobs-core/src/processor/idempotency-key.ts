import type { JobRef } from '../storage/job-record.ts'

/** What HTTP services take as an `Idempotency-Key`. */
const LONGEST = 255

/**
 * The name of one effect of one job, the same in every attempt and generation, and of no other effect
 * of any other job: printable ASCII, at most 255 characters.
 */
export async function idempotencyKey(
  { queue, tenantId, id }: JobRef,
  effectKey: string,
): Promise<string> {
  // No part can hold a slash once it is encoded, so no two lists of parts make the same text.
  const text = [queue, tenantId ?? '', id, effectKey].map(encodeURIComponent).join('/')
  return text.length <= LONGEST ? text : sha256(text)
}

async function sha256(text: string): Promise<string> {
  // eslint-disable-next-line no-restricted-globals -- a digest is no randomness
  const digest = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(text))
  let hex = ''
  for (const byte of new Uint8Array(digest)) hex += byte.toString(16).padStart(2, '0')
  return hex
}
