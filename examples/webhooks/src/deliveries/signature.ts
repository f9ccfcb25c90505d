import { createHmac, timingSafeEqual } from 'node:crypto'

/** The `X-Hub-Signature-256` of a body: HMAC-SHA-256 over its bytes, with the shop's secret. */
export function sign(body: string, secret: string): string {
  return `sha256=${createHmac('sha256', secret).update(body).digest('hex')}`
}

/** Whether a signature is the body's. Takes the same time for every wrong one of the right length. */
export function isSignedBy(secret: string, body: string, signature: string): boolean {
  const expected = Buffer.from(sign(body, secret))
  const given = Buffer.from(signature)
  return expected.length === given.length && timingSafeEqual(expected, given)
}
