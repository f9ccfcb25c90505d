import { AsyncLocalStorage } from 'node:async_hooks'
import { parseTenantId, type TenantId } from './tenant-id.ts'

// Two copies of this package in one process (a hoisting accident, ESM beside a bundle) must agree
// on the current tenant, so the context hangs on a registered symbol and not on this module.
const KEY = Symbol.for('@cgk/core.tenant-context')
const registry = globalThis as { [KEY]?: AsyncLocalStorage<TenantId | undefined> }
const storage: AsyncLocalStorage<TenantId | undefined> = (registry[KEY] ??= new AsyncLocalStorage<
  TenantId | undefined
>())

/**
 * Runs `fn` with `id` as the current tenant, through every `await`, timer and callback it starts.
 *
 * Calls nest: the innermost tenant wins, and the outer one is back when `fn` returns. `null` runs `fn`
 * without a tenant, whatever the caller's.
 *
 * @returns What `fn` returns.
 * @throws {@link InvalidTenantIdError} when `id` is not a tenant id; `fn` is then not called.
 *
 * @example
 * ```ts
 * await withTenant('rawdog', async () => {
 *   await queue.enqueue('process-order', { orderId: 'order_123' }) // a job of rawdog
 * })
 * ```
 */
export function withTenant<T>(id: string | null, fn: () => T): T {
  return storage.run(id === null ? undefined : parseTenantId(id), fn)
}

/** The tenant that the calling code runs for, or `undefined` outside of {@link withTenant}. */
export function currentTenant(): TenantId | undefined {
  return storage.getStore()
}
