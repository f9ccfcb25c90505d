import { setTimeout as delay } from 'node:timers/promises'

/** Asks until the answer is yes. An error is a no; the last one tells why it never was. */
export async function waitUntil(
  what: string,
  isSo: () => Promise<boolean>,
  timeoutMs = 30_000,
): Promise<void> {
  const deadline = Date.now() + timeoutMs
  let cause: unknown
  while (Date.now() < deadline) {
    try {
      if (await isSo()) return
    } catch (error) {
      cause = error
    }
    await delay(20)
  }
  throw new Error(`waited too long until ${what}`, { cause })
}
