import type { Timers } from '../runtime/ports.ts'

/** Resolves when it is done, or when so much time has passed. */
export async function within(timers: Timers, ms: number, done: Promise<unknown>): Promise<void> {
  let cancel = (): void => {}
  const elapsed = new Promise<void>((resolve) => {
    cancel = timers.after(ms, resolve)
  })
  await Promise.race([done, elapsed])
  cancel()
}
