import { setTimeout } from 'node:timers/promises'

const EVERY_MS = 2

/** Asks until the answer is yes. */
export async function until(isSo: () => Promise<boolean>): Promise<void> {
  while (!(await isSo())) await setTimeout(EVERY_MS)
}
