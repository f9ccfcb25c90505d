import type { ParserOptions, PGlite, Transaction } from '@electric-sql/pglite'
import type { Row, Statement } from '../db.ts'
import { encodeParameters } from '../values/parameters.ts'
import { DECODED_TYPES, decodeValue } from '../values/values.ts'

/** In place of PGlite's own, which make numbers of some bigints and cannot read a null in an array. */
const PARSERS: ParserOptions = Object.fromEntries(
  DECODED_TYPES.map((type) => [type, (text: string) => decodeValue(type, text)]),
)

/** Runs a statement on PGlite or in a transaction of it. */
export async function runOnPglite(
  target: PGlite | Transaction,
  { text, params = [] }: Statement,
): Promise<readonly Row[]> {
  const { rows } = await target.query<Row>(text, encodeParameters(params), { parsers: PARSERS })
  return rows
}
