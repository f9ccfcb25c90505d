/**
 * What a column becomes: `bigint` for int8, `number` for the smaller integers and floats, `boolean`,
 * arrays of these and of texts, `null`, and the server's text for everything else. JSON and numerics
 * are texts, because a number would lose digits; so are times: select
 * `extract(epoch from t) * 1000` for an instant.
 */
export type Value = string | number | bigint | boolean | null | readonly Value[]

type Decode = (text: string) => Value

const number: Decode = (text) => Number(text)
const same: Decode = (text) => text

// Object identifiers of built-in types never change.
// @see https://github.com/postgres/postgres/blob/master/src/include/catalog/pg_type.dat
const SCALARS: ReadonlyMap<number, Decode> = new Map([
  [16, (text) => text === 't'], // bool
  [20, (text) => BigInt(text)], // int8
  [21, number], // int2
  [23, number], // int4
  [26, number], // oid
  [700, number], // float4
  [701, number], // float8
  [17, same], // bytea
  [25, same], // text
  [114, same], // json
  [1042, same], // char
  [1043, same], // varchar
  [1082, same], // date
  [1114, same], // timestamp
  [1184, same], // timestamptz
  [1700, same], // numeric
  [2950, same], // uuid
  [3802, same], // jsonb
])

/** The types of elements by the types of their arrays. */
export const ARRAY_TYPES: ReadonlyMap<number, number> = new Map([
  [1000, 16],
  [1016, 20],
  [1005, 21],
  [1007, 23],
  [1028, 26],
  [1021, 700],
  [1022, 701],
  [1001, 17],
  [1009, 25],
  [199, 114],
  [1014, 1042],
  [1015, 1043],
  [1182, 1082],
  [1115, 1114],
  [1185, 1184],
  [1231, 1700],
  [2951, 2950],
  [3807, 3802],
])

/** The types that {@link decodeValue} has something to say about. */
export const DECODED_TYPES: readonly number[] = [...SCALARS.keys(), ...ARRAY_TYPES.keys()]

/** Decodes the server's text of a value by the object identifier of its type. */
export function decodeValue(type: number, text: string): Value {
  return decoderOf(type)(text)
}

/** What {@link decodeValue} does with values of that type. */
export function decoderOf(type: number): Decode {
  const element = ARRAY_TYPES.get(type)
  if (element === undefined) return SCALARS.get(type) ?? same
  const decode = SCALARS.get(element) ?? same
  return (text) => decodeArray(text, decode)
}

/** Decodes the server's text of an array, whose elements may be arrays in turn. */
export function decodeArray<T>(text: string, decode: (text: string) => T): readonly Nested<T>[] {
  return new ArrayLiteral(text, decode).read()
}

/** An element of an array, which may be an array. */
export type Nested<T> = T | null | readonly Nested<T>[]

/**
 * Reads `{1,NULL,"a \"b\""}`.
 *
 * @see https://www.postgresql.org/docs/current/arrays.html#ARRAYS-IO
 */
class ArrayLiteral<T> {
  readonly #text: string
  readonly #decode: (text: string) => T
  #at: number

  constructor(text: string, decode: (text: string) => T) {
    this.#text = text
    this.#decode = decode
    // An array whose indexes do not begin at 1 says so first: `[0:1]={1,2}`.
    this.#at = text.startsWith('[') ? text.indexOf('=') + 1 : 0
  }

  read(): readonly Nested<T>[] {
    const values: Nested<T>[] = []
    this.#at += 1 // {
    while (this.#text[this.#at] !== '}') {
      values.push(this.#value())
      if (this.#text[this.#at] === ',') this.#at += 1
    }
    this.#at += 1
    return values
  }

  #value(): Nested<T> {
    const first = this.#text[this.#at]
    if (first === '{') return this.read()
    if (first === '"') return this.#decode(this.#quoted())
    const start = this.#at
    while (!',}'.includes(this.#text.charAt(this.#at))) this.#at += 1
    const text = this.#text.slice(start, this.#at)
    return text === 'NULL' ? null : this.#decode(text)
  }

  #quoted(): string {
    const start = this.#at + 1
    let end = start
    while (this.#text[end] !== '"') end += this.#text[end] === '\\' ? 2 : 1
    this.#at = end + 1
    return this.#text.slice(start, end).replaceAll(/\\(.)/gs, '$1')
  }
}
