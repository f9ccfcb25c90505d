import type { Sql, TransactionSql } from 'postgres'

/**
 * A connection that is in a transaction, in the shape that postgres.js gives to the function of its
 * `begin`. The driver's own `begin` is not used: when the connection is lost it still writes the
 * rollback, to a socket that is no longer there, and the exception ends the process.
 *
 * @param check - throws when the transaction is over
 */
export function lendTransaction(sql: Sql, check: () => void): TransactionSql {
  let savepoints = 0

  async function savepoint<T>(
    nameOrFn: string | ((sql: TransactionSql) => T | Promise<T>),
    given?: (sql: TransactionSql) => T | Promise<T>,
  ): Promise<unknown> {
    const fn = typeof nameOrFn === 'string' ? given : nameOrFn
    if (fn === undefined) throw new TypeError('savepoint needs a function')
    savepoints += 1
    const name = `s${savepoints}`
    check()
    await sql.unsafe(`savepoint ${name}`)
    try {
      const result = fn(lent)
      return await (Array.isArray(result) ? Promise.all(result) : result)
    } catch (error) {
      check()
      await sql.unsafe(`rollback to ${name}`)
      throw error
    }
  }

  const lent = new Proxy(sql, {
    apply(target, _, args: Parameters<Sql>) {
      check()
      return target(...args)
    },
    get(target, property) {
      if (property === 'savepoint') return savepoint
      // They would wait for the connection that they are called on, or end the transaction.
      if (property === 'begin' || property === 'end' || property === 'reserve') return undefined
      if (property === 'unsafe') check()
      return Reflect.get(target, property)
    },
    has: (target, property) => property === 'savepoint' || Reflect.has(target, property),
  }) as unknown as TransactionSql
  return lent
}
