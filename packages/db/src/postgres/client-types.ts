import type { Sql } from 'postgres'
import { arrayLiteral, quoted } from '../values/parameters.ts'
import { ARRAY_TYPES, decodeArray } from '../values/values.ts'

/** Dates, times, and arrays of them and of numerics: drizzle-orm reads these from text. */
const TEXT_TYPES: readonly number[] = [1184, 1082, 1083, 1114, 1182, 1185, 1115, 1231]
const JSON_TYPES: readonly number[] = [114, 3802]

/**
 * Gives a client of ours the parsers and serializers of what is lent out in a transaction.
 *
 * Arrays, because the driver would ask the server for them as it connects, and a connection lost at
 * that moment is an unhandled rejection. Times and JSON as drizzle-orm expects them, which would
 * otherwise change them under our hands.
 *
 * @see https://github.com/drizzle-team/drizzle-orm/blob/main/drizzle-orm/src/postgres-js/driver.ts
 */
export function setClientTypes({ options }: Sql): void {
  const { parsers, serializers } = options
  for (const type of [1082, 1114, 1184]) {
    serializers[type] = (value: unknown) => (value instanceof Date ? value.toISOString() : value)
  }
  for (const type of JSON_TYPES) {
    serializers[type] = (value: unknown) =>
      typeof value === 'string' ? value : JSON.stringify(value)
  }
  for (const [array, element] of ARRAY_TYPES) {
    const parse = parsers[element] ?? ((text: string) => text)
    const serialize = serializers[element] ?? String
    parsers[array] = (text: string) => decodeArray(text, parse)
    serializers[array] = (value: unknown) =>
      Array.isArray(value) ? arrayLiteral(value, (one) => quoted(String(serialize(one)))) : value
  }
  for (const type of TEXT_TYPES) parsers[type] = (text: string) => text
}
