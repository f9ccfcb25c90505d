/** A value that JSON can hold without a container. */
export type JsonPrimitive = string | number | boolean | null

/**
 * Any value that survives `JSON.parse(JSON.stringify(value))` unchanged.
 *
 * Use it for what you read, not as a bound on what you accept: an `interface` is not assignable to
 * it, because interfaces have no index signature.
 */
export type JsonValue = JsonPrimitive | readonly JsonValue[] | JsonObject

/** A JSON object. */
export interface JsonObject {
  readonly [key: string]: JsonValue
}
