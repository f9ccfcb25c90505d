import { setTimeout as delay } from 'node:timers/promises'
import { DbError, isDbError } from '../db-error.ts'
import type { Listener } from '../db.ts'
import { checkChannel } from '../names.ts'
import { PostgresConnection } from './postgres-connection.ts'
import type { ConnectionSettings } from './postgres-settings.ts'
import type { ServerAddress } from './server-address.ts'

// A connection that nobody hears from is noticed within the two together.
const PROBE_EVERY_MS = 2000
const PROBE_TIMEOUT_MS = 2000

const FIRST_RETRY_MS = 100
const LAST_RETRY_MS = 2000

/**
 * The one connection that listens, for all channels, opened with the first and closed with the last.
 * Lost, it is opened again until it is there; probed, because a connection that only listens would
 * never learn that the other side is gone.
 */
export class PostgresListener {
  readonly #settings: ConnectionSettings | null
  readonly #address: ServerAddress
  readonly #channels = new Map<string, Set<Listener>>()
  #connection: PostgresConnection | undefined
  #opening: Promise<PostgresConnection> | undefined
  #probe: NodeJS.Timeout | undefined
  #closed = false

  constructor(settings: ConnectionSettings | null, address: ServerAddress) {
    this.#settings = settings
    this.#address = address
  }

  async listen(channel: string, listener: Listener): Promise<() => Promise<void>> {
    checkChannel(channel)
    if (this.#closed) throw new DbError('DB_CLOSED', 'the database connections are closed')
    let listeners = this.#channels.get(channel)
    if (listeners === undefined) {
      listeners = new Set()
      this.#channels.set(channel, listeners)
    }
    listeners.add(listener)
    try {
      const connection = await this.#open()
      // Again, if the connection is new; it was there before, if it is not.
      await connection.query({ text: `listen "${channel}"` })
    } catch (error) {
      await this.#leave(channel, listener)
      throw error
    }
    return () => this.#leave(channel, listener)
  }

  async close(): Promise<void> {
    this.#closed = true
    this.#channels.clear()
    await this.#hangUp()
  }

  async #leave(channel: string, listener: Listener): Promise<void> {
    const listeners = this.#channels.get(channel)
    if (listeners === undefined || !listeners.delete(listener) || listeners.size > 0) return
    this.#channels.delete(channel)
    if (this.#channels.size === 0) return this.#hangUp()
    // On failure the connection is lost, and the next does not listen to this channel.
    await this.#connection?.query({ text: `unlisten "${channel}"` }).catch(() => {})
  }

  async #hangUp(): Promise<void> {
    clearInterval(this.#probe)
    const connection = this.#connection
    this.#connection = undefined
    await connection?.close()
  }

  #open(): Promise<PostgresConnection> {
    if (this.#connection !== undefined) return Promise.resolve(this.#connection)
    this.#opening ??= this.#connect().finally(() => (this.#opening = undefined))
    return this.#opening
  }

  async #connect(): Promise<PostgresConnection> {
    if (this.#settings === null) {
      throw new DbError(
        'DB_LISTEN_UNSUPPORTED',
        'nobody can listen through a pooler that lends connections per transaction: name the server itself as directUrl, or poll',
      )
    }
    const connection: PostgresConnection = new PostgresConnection(this.#settings, this.#address, {
      onLost: (error) => this.#lost(connection, error),
      onNotify: (channel, payload) => this.#notify(channel, payload),
    })
    try {
      for (const channel of this.#channels.keys()) {
        await connection.query({ text: `listen "${channel}"` })
      }
    } catch (error) {
      // A standby lets nobody listen, and keeps the connection.
      if (isDbError(error, '25006')) connection.leaveHost()
      await connection.close()
      throw error
    }
    this.#connection = connection
    connection.unref()
    this.#probe = setInterval(() => {
      // A failure that matters has ended the connection, and `onLost` has been told.
      connection.query({ text: 'select 1' }, PROBE_TIMEOUT_MS).catch(() => {})
    }, PROBE_EVERY_MS)
    this.#probe.unref()
    return connection
  }

  #notify(channel: string, payload: string): void {
    for (const listener of this.#channels.get(channel) ?? []) {
      // What a listener throws must not end up in the driver.
      queueMicrotask(() => listener.onNotify(payload))
    }
  }

  #lost(connection: PostgresConnection, error: DbError): void {
    if (this.#connection !== connection) return
    this.#connection = undefined
    clearInterval(this.#probe)
    const deaf = this.#listeners()
    for (const listener of deaf) queueMicrotask(() => listener.onLost?.(error))
    void this.#restore(deaf)
  }

  async #restore(deaf: readonly Listener[]): Promise<void> {
    for (let pauseMs = FIRST_RETRY_MS; this.#channels.size > 0; pauseMs *= 2) {
      try {
        await this.#open()
        const still = new Set(this.#listeners())
        for (const listener of deaf) {
          if (still.has(listener)) queueMicrotask(() => listener.onRestored?.())
        }
        return
      } catch {
        // Whoever listens was told, and polls meanwhile.
        await delay(Math.min(pauseMs, LAST_RETRY_MS), undefined, { ref: false })
      }
    }
  }

  #listeners(): readonly Listener[] {
    return [...this.#channels.values()].flatMap((listeners) => [...listeners])
  }
}
