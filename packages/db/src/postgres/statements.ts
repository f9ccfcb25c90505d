import type { ISql } from 'postgres'
import type { Row, Statement } from '../db.ts'
import { encodeParameters } from '../values/parameters.ts'
import { decodeValue } from '../values/values.ts'

/** A running statement. */
export interface RunningStatement {
  readonly rows: Promise<readonly Row[]>
  /** The driver's query. */
  readonly query: unknown
}

/**
 * Starts a statement on a client of any making: values are encoded before the driver sees them and
 * decoded from the raw bytes, so that parsers and serializers of the client do not matter.
 */
export function startStatement(
  sql: Pick<ISql, 'unsafe'>,
  { text, params = [] }: Statement,
  prepare: boolean,
): RunningStatement {
  const options = { prepare, simple: false } // A statement without parameters is prepared as well.
  const query = sql.unsafe(text, encodeParameters(params), options).raw()
  const rows = query.then((result) => {
    const columns = result.columns as readonly { readonly name: string; readonly type: number }[]
    return Array.from(result, (values: readonly (Buffer | null)[]) => toRow(columns, values))
  })
  return { rows, query }
}

function toRow(
  columns: readonly { readonly name: string; readonly type: number }[],
  values: readonly (Buffer | null)[],
): Row {
  return Object.fromEntries(
    columns.map(({ name, type }, index) => {
      const value = values[index] ?? null
      return [name, value === null ? null : decodeValue(type, value.toString())]
    }),
  )
}
