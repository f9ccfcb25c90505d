/**
 * Calls a function whose timers keep no process alive, nor those that they set when they fire.
 *
 * Postgres sets one whenever it comes to rest, to write its statistics, and PGlite's keeps on setting it: a
 * process that has nothing left to do would never end.
 */
export function withQuietTimers<T>(fn: () => T): T {
  const set = globalThis.setTimeout
  const setQuietly = (callback: () => void, delayMs?: number): NodeJS.Timeout =>
    set(() => {
      withQuietTimers(callback)
    }, delayMs).unref()
  // Nobody else can come by meanwhile, because `fn` is synchronous.
  globalThis.setTimeout = setQuietly as typeof setTimeout
  try {
    return fn()
  } finally {
    globalThis.setTimeout = set
  }
}
