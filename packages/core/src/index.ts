export type { JsonObject, JsonPrimitive, JsonValue } from './json.ts'
export { currentTenant, withTenant } from './tenant-context.ts'
export { InvalidTenantIdError, parseTenantId, type TenantId } from './tenant-id.ts'
