import type { ISql } from 'postgres'
import type { Row, Statement } from '../db.ts'
import { encodeParameters } from '../values/parameters.ts'
import { decoderOf, type Value } from '../values/values.ts'

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
    const columns = columnsOf(result.columns as readonly Described[])
    const decoded: Row[] = []
    for (const values of result) decoded.push(toRow(columns, values))
    return decoded
  })
  return { rows, query }
}

/** A column as the driver describes it. */
interface Described {
  readonly name: string
  readonly type: number
}

interface Column {
  readonly name: string
  readonly decode: (text: string) => Value
}

/** By what the driver keeps of a prepared statement: it answers with the same each time. */
const known = new WeakMap<readonly Described[], readonly Column[]>()

function columnsOf(described: readonly Described[]): readonly Column[] {
  let columns = known.get(described)
  if (columns === undefined) {
    columns = described.map(({ name, type }) => ({ name, decode: decoderOf(type) }))
    known.set(described, columns)
  }
  return columns
}

/** A loop, because this is on the way of every value. */
function toRow(columns: readonly Column[], values: readonly (Buffer | null)[]): Row {
  const row: Record<string, Value> = {}
  for (let index = 0; index < columns.length; index++) {
    const { name, decode } = columns[index]!
    const value = values[index] ?? null
    row[name] = value === null ? null : decode(value.toString())
  }
  return row
}

/**
 * Likewise, for a client that leaves texts as they are and a statement that answers nothing else: the driver then makes
 * no buffer of each value.
 */
export function startTextStatement(
  sql: Pick<ISql, 'unsafe'>,
  { text, params = [] }: Statement,
  prepare: boolean,
): RunningStatement {
  const options = { prepare, simple: false }
  const query = sql.unsafe(text, encodeParameters(params), options).values()
  const rows = query.then((result) => {
    const names = result.columns.map(({ name }) => name)
    return Array.from(result, (values: readonly (string | null)[]) => toTextRow(names, values))
  })
  return { rows, query }
}

function toTextRow(names: readonly string[], values: readonly (string | null)[]): Row {
  const row: Record<string, string | null> = {}
  for (let index = 0; index < names.length; index++) row[names[index]!] = values[index]!
  return row
}
