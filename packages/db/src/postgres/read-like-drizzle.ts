import type { Sql } from 'postgres'

/** Dates, times, and arrays of them and of numerics: drizzle-orm reads these from text. */
const TEXT_TYPES: readonly number[] = [1184, 1082, 1083, 1114, 1182, 1185, 1115, 1231]
const JSON_TYPES: readonly number[] = [114, 3802]

/**
 * Gives a client of ours the parsers and serializers that drizzle-orm expects, and would otherwise put
 * in place itself: what is lent out in a transaction then reads the same before and after.
 *
 * @see https://github.com/drizzle-team/drizzle-orm/blob/main/drizzle-orm/src/postgres-js/driver.ts
 */
export function readLikeDrizzle({ options }: Sql): void {
  for (const type of TEXT_TYPES) {
    options.parsers[type] = (text: string) => text
    options.serializers[type] = (value: unknown) =>
      value instanceof Date ? value.toISOString() : value
  }
  for (const type of JSON_TYPES) {
    options.serializers[type] = (value: unknown) =>
      typeof value === 'string' ? value : JSON.stringify(value)
  }
}
