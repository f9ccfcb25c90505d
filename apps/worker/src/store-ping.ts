import type { JobStore } from '@cgk/jobs-core'

/** Resolves when the store answers in time. @throws what it answers, or that it did not. */
export async function pingStore(store: JobStore, deadlineMs: number): Promise<void> {
  const deadline = new AbortController()
  const { promise: late, reject } = Promise.withResolvers<never>()
  const timer = setTimeout(() => {
    const error = new Error(`no answer within ${deadlineMs} ms`)
    deadline.abort(error)
    reject(error)
  }, deadlineMs)
  try {
    await Promise.race([store.ping({ signal: deadline.signal }), late])
  } finally {
    clearTimeout(timer)
  }
}
