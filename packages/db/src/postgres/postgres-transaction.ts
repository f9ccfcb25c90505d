import type { TransactionSql } from 'postgres'
import type { Row, Statement, Transaction } from '../db.ts'
import type { DriverTransaction } from '../driver-transaction.ts'
import { transactionEnded } from '../transaction-ended.ts'
import type { Parameter } from '../values/parameters.ts'

interface Runner {
  query(statement: Statement): Promise<readonly Row[]>
  runScript(text: string): Promise<unknown>
  /** Throws when the connection is lost. */
  check(): void
}

/** A transaction on a connection of ours. */
export class PostgresTransaction implements Transaction {
  readonly #lend: () => TransactionSql
  readonly #runner: Runner
  #driver: DriverTransaction | undefined
  /** The first statement that failed: nothing after it took effect, whatever became of its error. */
  failure: unknown
  readonly #onCommit: (() => void)[] = []
  #ended = false

  constructor(lend: (check: () => void) => TransactionSql, runner: Runner) {
    this.#lend = () => lend(() => this.#check())
    this.#runner = runner
  }

  get driver(): DriverTransaction {
    return (this.#driver ??= { kind: 'postgres', sql: this.#lend() })
  }

  async query<R extends Row>(
    text: string,
    params: readonly Parameter[] = [],
  ): Promise<readonly R[]> {
    return (await this.#run(() => this.#runner.query({ text, params }))) as readonly R[]
  }

  async runScript(text: string): Promise<void> {
    await this.#run(() => this.#runner.runScript(text))
  }

  onCommit(fn: () => void): void {
    this.#check()
    this.#onCommit.push(fn)
  }

  end(): void {
    this.#ended = true
  }

  committed(): void {
    // What one of them throws is not to be taken for a failure of the commit.
    for (const fn of this.#onCommit) queueMicrotask(fn)
  }

  async #run<T>(call: () => Promise<T>): Promise<T> {
    this.#check()
    try {
      return await call()
    } catch (error) {
      this.failure ??= error
      throw error
    }
  }

  #check(): void {
    this.#runner.check()
    // The connection belongs to somebody else by then.
    if (this.#ended) throw transactionEnded()
  }
}
