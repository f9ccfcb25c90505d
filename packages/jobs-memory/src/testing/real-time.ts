// Taken when this module is loaded: a test that fakes the global timers must not stop these.
const {
  performance: realPerformance,
  setImmediate,
  setTimeout,
} = globalThis as typeof globalThis & { readonly setImmediate: (fn: () => void) => unknown }
const now = realPerformance.now.bind(realPerformance)

/** Real milliseconds from an arbitrary origin. */
export function realNow(): number {
  return now()
}

/** Calls `fn` once pending input and output have had their turn. */
export function soon(fn: () => void): void {
  setImmediate(fn)
}

/** One turn of the event loop: whatever needs only promises has happened when it resolves. */
export function turn(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve)
  })
}

/** A real millisecond, for input and output to happen in without keeping a processor busy. */
export function shortWhile(): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, 1)
  })
}
