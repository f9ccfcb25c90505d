import { createHash } from 'node:crypto'

/** A step of a schema. Once released, it never changes. */
export interface Migration {
  /** For people, e.g. `create-jobs`. */
  readonly name: string
  /**
   * Statements without a schema's name: they run with the chosen schema as the search path, in one
   * transaction together with the record that they ran.
   */
  readonly sql: string
}

/** A migration and its place: versions count from 1. */
export interface NumberedMigration extends Migration {
  readonly version: number
  readonly checksum: string
}

export function numbered(migrations: readonly Migration[]): readonly NumberedMigration[] {
  return migrations.map(({ name, sql }, index) => ({
    name,
    sql,
    version: index + 1,
    checksum: checksumOf(sql),
  }))
}

/** The same on a machine that checked the files out with other line ends. */
function checksumOf(sql: string): string {
  return createHash('sha256').update(sql.replaceAll('\r\n', '\n')).digest('hex')
}
