import type { AnyJobDefinition } from '@cgk/jobs-core'

/** Tells whether a value looks like what `defineJob` returns, also that of another copy of it. */
export function isJobDefinition(value: unknown): value is AnyJobDefinition {
  return (
    typeof value === 'object' &&
    value !== null &&
    'name' in value &&
    typeof value.name === 'string' &&
    'handler' in value &&
    typeof value.handler === 'function'
  )
}
