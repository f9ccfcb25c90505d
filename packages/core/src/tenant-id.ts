declare const tenantIdBrand: unique symbol

/**
 * The checked name of a tenant: 1–64 characters of `a-z 0-9 - _`, the first a letter or a digit.
 *
 * Inputs everywhere take a plain `string` and check it; a value of this type has been checked.
 */
export type TenantId = string & { readonly [tenantIdBrand]: true }

const MAX_TENANT_ID_LENGTH = 64

const PATTERN = /^[a-z0-9][a-z0-9_-]{0,63}$/

/** Thrown for text that is not a tenant id. Its `code` is always `CORE_INVALID_TENANT_ID`. */
export class InvalidTenantIdError extends Error {
  override readonly name = 'InvalidTenantIdError'
  readonly code = 'CORE_INVALID_TENANT_ID'
}

/**
 * Checks a tenant id and returns it as a {@link TenantId}.
 *
 * @throws {@link InvalidTenantIdError} when the value is not one; the message says which rule it breaks.
 */
export function parseTenantId(value: unknown): TenantId {
  if (typeof value === 'string' && PATTERN.test(value)) return value as TenantId
  throw new InvalidTenantIdError(
    `${describe(value)} is not a tenant id: 1 to ${MAX_TENANT_ID_LENGTH} characters of a-z, 0-9, - and _, the first a letter or a digit`,
  )
}

function describe(value: unknown): string {
  if (typeof value !== 'string') return `a value of type ${value === null ? 'null' : typeof value}`
  const shown =
    value.length > MAX_TENANT_ID_LENGTH ? `${value.slice(0, MAX_TENANT_ID_LENGTH)}…` : value
  return JSON.stringify(shown)
}
