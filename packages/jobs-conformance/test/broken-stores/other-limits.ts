import type { JobStore, LimitChange, LimitScope, StoredLimits } from '@cgk/jobs-core'

/** Everything that was said about the scopes of a queue. */
export async function saidIn(store: JobStore, queue: string): Promise<readonly StoredLimits[]> {
  return (await store.listLimits({ queue, limit: 1_000 })).limits
}

/** Does something while operators say something else about the scopes, and puts back what they said. */
export async function whileSaying<T>(
  store: JobStore,
  scopes: readonly LimitScope[],
  limits: LimitChange['limits'],
  action: () => Promise<T>,
): Promise<T> {
  const before = await store.getLimits(scopes)
  const changes = scopes.map((scope) => ({ scope, source: 'operator' as const, limits }))
  await store.setLimits(changes)
  try {
    return await action()
  } finally {
    const names = Object.keys(limits) as (keyof typeof limits)[]
    await store.setLimits(
      before.map(({ scope, operator }) => ({
        scope,
        source: 'operator',
        limits: Object.fromEntries(names.map((name) => [name, operator[name] ?? null])),
      })),
    )
  }
}

/** Does something while the scopes are paused, and lifts the pauses of those that were not. */
export async function whilePaused<T>(
  store: JobStore,
  scopes: readonly LimitScope[],
  action: () => Promise<T>,
): Promise<T> {
  const paused: LimitScope[] = []
  for (const scope of scopes) {
    if (await store.isPaused(scope)) continue
    await store.pause(scope)
    paused.push(scope)
  }
  try {
    return await action()
  } finally {
    for (const scope of paused) await store.resume(scope)
  }
}
