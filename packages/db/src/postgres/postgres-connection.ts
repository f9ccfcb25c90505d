import { once } from 'node:events'
import type { Socket } from 'node:net'
import postgres, { type Options, type PostgresType, type Sql } from 'postgres'
import { DbError } from '../db-error.ts'
import type { Row, Statement, Transaction } from '../db.ts'
import { leavesConnectionUsable, toDbError } from '../driver-error.ts'
import { type Backend, sendCancelRequest } from './cancel-request.ts'
import { setClientTypes } from './client-types.ts'
import { lendTransaction } from './lend-transaction.ts'
import { PostgresTransaction } from './postgres-transaction.ts'
import type { ConnectionSettings } from './postgres-settings.ts'
import type { AddressOptions, ServerAddress } from './server-address.ts'
import { startStatement, startTextStatement } from './statements.ts'

/** What the owner of a connection is told. */
export interface ConnectionHooks {
  onLost?(error: DbError): void
  onNotify?(channel: string, payload: string): void
}

/** How much longer than its time limit on the server a statement is waited for. */
const GRACE_MS = 5000

/** What the server has not answered yet. */
interface Pending {
  readonly reject: (error: DbError) => void
  readonly limitMs: number
  /** When it has waited so long; never, where it has no limit. */
  readonly silentAt: number
}

/**
 * One connection: a postgres.js client of one, on a socket of ours. The socket is ours so that a silent
 * one can be dropped (the driver would wait for the other side to hang up), and so that an idle one
 * does not keep the process alive.
 *
 * It connects at its first use, once: lost is lost, and what is under way then rejects.
 */
export class PostgresConnection {
  readonly #settings: ConnectionSettings
  readonly #address: ServerAddress
  readonly #hooks: ConnectionHooks
  readonly #sql: Sql
  /** How long a statement is waited for; 0 for no limit. */
  readonly #limitMs: number
  readonly #pending = new Set<Pending>()
  /** One for all that is under way, and left to run: nearly all of it is answered at once. */
  #silenceTimer: NodeJS.Timeout | undefined
  #looksAt = Infinity
  #socket: Socket | undefined
  #connectTimer: NodeJS.Timeout | undefined
  #connectingSince = 0
  #running: unknown
  #turn = 0
  #failure: DbError | undefined

  constructor(settings: ConnectionSettings, address: ServerAddress, hooks: ConnectionHooks = {}) {
    this.#settings = settings
    this.#address = address
    this.#hooks = hooks
    const { statementTimeoutMs } = settings
    this.#limitMs = statementTimeoutMs === 0 ? 0 : statementTimeoutMs + GRACE_MS
    const ours: Options<Record<string, PostgresType>> = {
      ...settings.client,
      max: 1,
      idle_timeout: undefined,
      max_lifetime: null,
      connect_timeout: 0,
      fetch_types: false,
      onnotice: () => {},
      onclose: () => this.#fail(lost()),
      // The server's first words after it has let us in.
      onparameter: () => this.#connected(),
    }
    // Neither is in the driver's types.
    const untyped = {
      socket: (options: AddressOptions) => this.#openSocket(options),
      onnotify: (channel: string, payload: string) => hooks.onNotify?.(channel, payload),
    }
    const options = { ...ours, ...untyped }
    this.#sql = settings.url === undefined ? postgres(options) : postgres(settings.url, options)
    setClientTypes(this.#sql)
  }

  /** Goes on to another host, for those who connect from now on. */
  leaveHost(): void {
    this.#address.leave(this.#turn)
  }

  /** Whether statements may be sent before those ahead of them are answered. */
  get sendsAhead(): boolean {
    return !this.#settings.isPooled
  }

  get isLost(): boolean {
    return this.#failure !== undefined
  }

  query(statement: Statement, timeoutMs?: number): Promise<readonly Row[]> {
    return this.#tracked(() => {
      const start = statement.answersTexts === true ? startTextStatement : startStatement
      const { rows, query } = start(this.#sql, statement, this.#sql.options.prepare)
      this.#running = query
      return rows
    }, timeoutMs)
  }

  async pipeline(statements: readonly Statement[]): Promise<readonly (readonly Row[])[]> {
    const results = this.sendsAhead
      ? await Promise.allSettled(statements.map((statement) => this.query(statement)))
      : await this.#settledInTurn(statements)
    return results.map((result) => {
      if (result.status === 'rejected') throw result.reason
      return result.value
    })
  }

  async transaction<T>(fn: (tx: Transaction) => Promise<T>): Promise<T> {
    const run = (text: string): Promise<{ readonly command: string }> =>
      this.#tracked(() => this.#sql.unsafe(text).simple())
    // Not awaited: the first statement goes out behind it. If it fails, so do all others.
    const begun = run('begin')
    begun.catch(() => {})
    const tx = new PostgresTransaction((check) => lendTransaction(this.#sql, check), {
      query: (statement) => this.query(statement),
      runScript: (text) => this.#tracked(() => this.#sql.unsafe(text).simple(), 0),
      check: () => {
        if (this.#failure !== undefined) throw this.#failure
      },
    })
    let result: T
    try {
      const { transactionSetUp } = this.#settings
      if (transactionSetUp !== undefined) await tx.runScript(transactionSetUp)
      result = await this.#raced(() => fn(tx))
      await begun
      if (tx.failure !== undefined) throw tx.failure
    } catch (error) {
      tx.end()
      // If this fails, the connection is not used again, and the server rolls back by itself.
      await run('rollback').catch(() => {})
      throw error
    }
    tx.end()
    const { command } = await run('commit')
    // A statement that somebody ran on the driver's transaction had failed.
    if (command === 'ROLLBACK') throw rolledBack()
    tx.committed()
    return result
  }

  /** An idle connection does not keep the process alive. */
  ref(): void {
    this.#socket?.ref()
  }

  unref(): void {
    this.#socket?.unref()
  }

  /** Gives the connection up: what is under way rejects, and the server is asked to cancel it. */
  abandon(error: DbError): void {
    if (this.#failure !== undefined) return
    const isConnecting = this.#connectTimer !== undefined
    // Whose calls have about as much time as connecting would otherwise never come to the next host.
    if (
      isConnecting &&
      performance.now() - this.#connectingSince >= this.#settings.connectTimeoutMs / 2
    ) {
      this.leaveHost()
    }
    const backend = isConnecting ? undefined : backendOf(this.#running)
    const hangUp = this.#giveUp(error)
    if (backend === undefined) return hangUp()
    // A pooler forgets what a client was doing as soon as that has hung up.
    this.#socket?.unref()
    const { host, port, path } = this.#sql.options
    sendCancelRequest(this.#address.open({ host, port, path }), backend, hangUp)
  }

  /** Says goodbye to the server. Nothing may be under way. */
  async close(): Promise<void> {
    if (this.#failure !== undefined) return
    this.#failure = new DbError('DB_CLOSED', 'the connection is closed')
    clearTimeout(this.#connectTimer)
    clearTimeout(this.#silenceTimer)
    await this.#sql.end({ timeout: 1 })
    this.#socket?.destroy()
  }

  /**
   * A pooler that sees one statement end while the next is only announced lends the connection to
   * somebody else in between, and the announced one is never answered.
   */
  async #settledInTurn(
    statements: readonly Statement[],
  ): Promise<readonly PromiseSettledResult<readonly Row[]>[]> {
    const results: PromiseSettledResult<readonly Row[]>[] = []
    for (const statement of statements) {
      results.push(...(await Promise.allSettled([this.query(statement)])))
    }
    return results
  }

  /** Runs a statement under its time limit; an error that leaves the connection unusable ends it. */
  #tracked<T>(start: () => PromiseLike<T>, timeoutMs?: number): Promise<T> {
    return this.#raced(start, timeoutMs ?? this.#limitMs, (error) => {
      if (!leavesConnectionUsable(error)) this.#fail(toDbError(error))
      return toDbError(error)
    })
  }

  /** Like `start()`, but rejects as soon as the connection is lost, even if the driver forgets. */
  #raced<T>(
    start: () => PromiseLike<T>,
    limitMs = 0,
    toError: (error: unknown) => unknown = (error) => error,
  ): Promise<T> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure)
    // One promise, because this is on the way of every statement.
    return new Promise((resolve, reject) => {
      const running = start()
      const silentAt = limitMs === 0 ? Infinity : performance.now() + limitMs
      const pending: Pending = { reject, limitMs, silentAt }
      this.#begin(pending)
      running.then(
        (value) => {
          this.#end(pending)
          resolve(value)
        },
        (error: unknown) => {
          this.#end(pending)
          reject(toError(error))
        },
      )
    })
  }

  #begin(pending: Pending): void {
    this.#pending.add(pending)
    if (pending.silentAt < this.#looksAt) this.#lookAt(pending.silentAt)
    else if (this.#pending.size === 1) this.#silenceTimer?.ref()
  }

  #end(pending: Pending): void {
    this.#pending.delete(pending)
    // It holds no process open while nothing is under way.
    if (this.#pending.size === 0) this.#silenceTimer?.unref()
  }

  #lookAt(time: number): void {
    clearTimeout(this.#silenceTimer)
    this.#looksAt = time
    this.#silenceTimer = setTimeout(() => this.#look(), Math.ceil(time - performance.now()))
  }

  #look(): void {
    this.#looksAt = Infinity
    let first: Pending | undefined
    for (const pending of this.#pending) {
      if (pending.silentAt < (first?.silentAt ?? Infinity)) first = pending
    }
    if (first === undefined) return
    // A timer may be early by a fraction.
    if (first.silentAt - performance.now() >= 1) return this.#lookAt(first.silentAt)
    const message = `the database did not answer within ${first.limitMs} ms`
    this.abandon(new DbError('DB_CONNECTION_SILENT', message, { retryable: true }))
  }

  async #openSocket(options: AddressOptions): Promise<Socket> {
    // The driver connects again when it still has something to send.
    if (this.#failure !== undefined || this.#socket !== undefined) throw forDriver(lost())
    const { connectTimeoutMs } = this.#settings
    const turn = this.#address.turn
    this.#turn = turn
    this.#connectingSince = performance.now()
    this.#connectTimer = setTimeout(() => {
      this.#address.leave(turn)
      this.#fail(notReached(`no answer within ${connectTimeoutMs} ms`))
    }, connectTimeoutMs)
    const socket = this.#address.open(options)
    this.#socket = socket
    // Before the driver hears of it, and tells those who would then try the next statement on it.
    socket.on('error', (error) => this.#fail(toDbError(error)))
    socket.on('close', () => this.#fail(lost()))
    try {
      await once(socket, 'connect')
    } catch {
      this.#address.leave(turn)
      throw forDriver(this.#failure ?? lost())
    }
    socket.setNoDelay(true)
    return socket
  }

  #connected(): void {
    clearTimeout(this.#connectTimer)
    this.#connectTimer = undefined
  }

  #fail(error: DbError): void {
    if (this.#failure === undefined) this.#giveUp(error)()
  }

  /** Rejects what is under way and takes no more; what it returns hangs up. */
  #giveUp(error: DbError): () => void {
    this.#failure = error
    clearTimeout(this.#connectTimer)
    clearTimeout(this.#silenceTimer)
    for (const { reject } of this.#pending) reject(error)
    this.#hooks.onLost?.(error)
    return () => this.#socket?.destroy(forDriver(error))
  }
}

/** postgres.js keeps it on the query. Without it the server's own time limit has to do. */
function backendOf(query: unknown): Backend | undefined {
  const state = (query as { readonly state?: Partial<Backend> | null } | undefined)?.state
  if (typeof state?.pid !== 'number' || typeof state.secret !== 'number') return undefined
  return { pid: state.pid, secret: state.secret }
}

/** A copy to give to the driver, which hangs the parameters of statements on errors. */
function forDriver(error: DbError): Error {
  return Object.assign(new Error(error.message), { code: 'CONNECTION_DESTROYED' })
}

function rolledBack(): DbError {
  const message = 'the transaction was rolled back: a statement in it had failed (SQLSTATE 25P02)'
  return new DbError('25P02', message)
}

function lost(): DbError {
  const message = 'the connection to the database was lost'
  return new DbError('DB_CONNECTION_LOST', message, { retryable: true })
}

function notReached(why: string): DbError {
  const message = `the connection to the database was not reached: ${why}`
  return new DbError('DB_CONNECTION_FAILED', message, { retryable: true })
}
