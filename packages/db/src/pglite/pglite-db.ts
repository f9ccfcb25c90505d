import { AsyncLocalStorage } from 'node:async_hooks'
import { setImmediate as nextTurn } from 'node:timers/promises'
import type { PGlite, Transaction as PgliteTransaction } from '@electric-sql/pglite'
import { aborted, DbError } from '../db-error.ts'
import type {
  CallOptions,
  ConnectionPool,
  Db,
  Listener,
  Row,
  Statement,
  Transaction,
} from '../db.ts'
import { toDbError } from '../driver-error.ts'
import type { DriverTransaction } from '../driver-transaction.ts'
import { checkChannel } from '../names.ts'
import { transactionEnded } from '../transaction-ended.ts'
import type { Parameter } from '../values/parameters.ts'
import { runOnPglite } from './run-on-pglite.ts'
import { Turns, untilAborted } from './turns.ts'

/** PGlite has one session, so that everything here happens one after the other. */
export class PgliteDb implements Db {
  readonly kind = 'pglite'
  readonly control: ConnectionPool = this
  readonly #pglite: PGlite
  readonly #onClose: () => Promise<void>
  readonly #turns = new Turns()
  readonly #running = new AsyncLocalStorage<EmbeddedTransaction>()
  readonly #channels = new Map<string, Set<Listener>>()
  readonly #stopListening: () => void
  #closed: Promise<void> | undefined

  constructor(pglite: PGlite, onClose: () => Promise<void>) {
    this.#pglite = pglite
    this.#onClose = onClose
    this.#stopListening = pglite.onNotification((channel, payload) => {
      for (const listener of this.#channels.get(channel) ?? []) listener.onNotify(payload)
    })
  }

  query<R extends Row>(
    text: string,
    params: readonly Parameter[] = [],
    options?: CallOptions,
  ): Promise<readonly R[]> {
    return this.#take(options, async () => {
      const rows = await runOnPglite(this.#pglite, { text, params })
      options?.signal?.throwIfAborted()
      return rows as readonly R[]
    })
  }

  pipeline(
    statements: readonly Statement[],
    options?: CallOptions,
  ): Promise<readonly (readonly Row[])[]> {
    return this.#take(options, async () => {
      const running = statements.map((statement) => runOnPglite(this.#pglite, statement))
      const results = await Promise.allSettled(running)
      options?.signal?.throwIfAborted()
      return results.map((result) => {
        if (result.status === 'rejected') throw result.reason
        return result.value
      })
    })
  }

  async transaction<T>(fn: (tx: Transaction) => Promise<T>, options?: CallOptions): Promise<T> {
    let refusal: { readonly error: unknown } | undefined
    try {
      const { tx, result } = await this.#take(options, () =>
        this.#pglite.transaction(async (driverTransaction) => {
          const tx = new EmbeddedTransaction(driverTransaction)
          try {
            const running = this.#running.run(tx, () => fn(tx))
            const result = await untilAborted(running, options?.signal)
            if (tx.failure !== undefined) throw tx.failure
            return { tx, result }
          } catch (error) {
            refusal = { error }
            throw error
          } finally {
            tx.end()
          }
        }),
      )
      tx.committed()
      return result
    } catch (error) {
      // What `fn` rejected with is the caller's own.
      if (refusal !== undefined && !options?.signal?.aborted) throw refusal.error
      throw error
    }
  }

  async listen(channel: string, listener: Listener): Promise<() => Promise<void>> {
    checkChannel(channel)
    let listeners = this.#channels.get(channel)
    if (listeners === undefined) {
      listeners = new Set()
      this.#channels.set(channel, listeners)
    }
    listeners.add(listener)
    await this.query(`listen "${channel}"`)
    return async () => {
      if (!listeners.delete(listener) || listeners.size > 0) return
      this.#channels.delete(channel)
      await this.query(`unlisten "${channel}"`)
    }
  }

  close(): Promise<void> {
    this.#closed ??= this.#turns.take(async () => {
      this.#stopListening()
      await this.#onClose()
    })
    return this.#closed
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  async #take<T>(options: CallOptions | undefined, fn: () => Promise<T>): Promise<T> {
    if (this.#closed !== undefined) throw new DbError('DB_CLOSED', 'the database is closed')
    if (this.#running.getStore()?.hasEnded === false) {
      throw new DbError(
        'DB_NESTED_IN_TRANSACTION',
        'this call would wait for the transaction that it is made in, because PGlite has one session: use the transaction that the function was given',
      )
    }
    const signal = options?.signal
    try {
      return await this.#turns.take(async () => {
        // PGlite computes on this thread, so that calls that wait for each other would run without a pause: for
        // seconds no timer would fire and no socket be read.
        await nextTurn()
        // Its time may have come while the call before it kept all timers waiting.
        signal?.throwIfAborted()
        return fn()
      }, signal)
    } catch (error) {
      if (signal?.aborted) throw aborted(signal)
      throw toDbError(error)
    }
  }
}

class EmbeddedTransaction implements Transaction {
  readonly driver: DriverTransaction
  readonly #transaction: PgliteTransaction
  /** The first statement that failed: nothing after it took effect, whatever became of its error. */
  failure: DbError | undefined
  readonly #onCommit: (() => void)[] = []
  hasEnded = false

  constructor(transaction: PgliteTransaction) {
    this.driver = { kind: 'pglite', transaction }
    this.#transaction = transaction
  }

  async query<R extends Row>(
    text: string,
    params: readonly Parameter[] = [],
  ): Promise<readonly R[]> {
    const running = this.#run(() => runOnPglite(this.#transaction, { text, params }))
    return (await running) as readonly R[]
  }

  async runScript(text: string): Promise<void> {
    await this.#run(() => this.#transaction.exec(text))
  }

  onCommit(fn: () => void): void {
    if (this.hasEnded) throw transactionEnded()
    this.#onCommit.push(fn)
  }

  end(): void {
    this.hasEnded = true
    // Whoever had the driver's transaction has rolled it back.
    if (this.#transaction.closed) this.#onCommit.length = 0
  }

  committed(): void {
    // What one of them throws is not to be taken for a failure of the commit.
    for (const fn of this.#onCommit) queueMicrotask(fn)
  }

  async #run<T>(call: () => Promise<T>): Promise<T> {
    if (this.hasEnded) throw transactionEnded()
    try {
      return await call()
    } catch (error) {
      this.failure ??= toDbError(error)
      throw toDbError(error)
    }
  }
}
