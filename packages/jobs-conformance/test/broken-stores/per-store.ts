import type { Shared } from './store-wrapper.ts'

/** A memory of what happened that the handles of one broken store share. */
export function perStore<T>(make: () => T): (shared: Shared) => T {
  const made = new WeakMap<Shared, T>()
  return (shared) => {
    const memory = made.get(shared) ?? make()
    made.set(shared, memory)
    return memory
  }
}
