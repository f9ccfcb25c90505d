import type { WakeUp } from '@cgk/jobs-core'
import { hintChannel, queueOfBase } from './keys.ts'
import type { OpenClient, RedisClient } from './open-client.ts'

/** How often a listening connection is asked whether it is still there, and how long it may take. */
const HEARTBEAT_MS = 5_000
const FIRST_PAUSE_MS = 100
const LONGEST_PAUSE_MS = 5_000

/**
 * The hints of a store, heard on a connection of their own while anybody listens. One that is lost, or
 * that the other side has forgotten, is made anew. What was said while there was none is lost: once there is
 * one, listeners are told to look.
 */
export class WakeUps {
  readonly #open: OpenClient
  readonly #prefix: string
  readonly #listeners = new Set<(wakeUp: WakeUp) => void>()
  #client: RedisClient | undefined
  #isConnecting = false
  #pauseMs = FIRST_PAUSE_MS
  #timer: NodeJS.Timeout | undefined
  readonly #closing = new AbortController()

  constructor(open: OpenClient, prefix: string) {
    this.#open = open
    this.#prefix = prefix
  }

  subscribe(listener: (wakeUp: WakeUp) => void): () => void {
    // A function of our own, so that one listener subscribed twice is two subscriptions.
    const call = (wakeUp: WakeUp): void => {
      listener(wakeUp)
    }
    this.#listeners.add(call)
    if (this.#client === undefined) void this.#connect()
    return () => {
      this.#listeners.delete(call)
      if (this.#listeners.size === 0) this.#disconnect()
    }
  }

  /** Whether anybody listens here. */
  get isHeard(): boolean {
    return this.#listeners.size > 0
  }

  /** Tells those who listen here of jobs that are being sent, without waiting for the server to say so. */
  expect(queue: string): void {
    this.#deliver({ queue, reason: 'ready' })
  }

  close(): void {
    this.#closing.abort()
    this.#listeners.clear()
    this.#disconnect()
  }

  get #isWanted(): boolean {
    return !this.#closing.signal.aborted && this.#listeners.size > 0
  }

  async #connect(): Promise<void> {
    if (this.#isConnecting) return
    this.#isConnecting = true
    clearTimeout(this.#timer)
    try {
      const client = await this.#open((lost) => this.#lose(lost), this.#closing.signal)
      client.unref()
      this.#client = client
      const hear = (message: string): void => this.#hear(message)
      await this.#answered(client, client.subscribe(hintChannel(this.#prefix), hear))
      this.#pauseMs = FIRST_PAUSE_MS
      this.#deliver({ queue: null, reason: 'ready' })
      if (this.#client === client) this.#schedule(() => this.#beat(client), HEARTBEAT_MS)
    } catch {
      if (this.#client !== undefined) this.#lose(this.#client)
      else this.#retry()
    } finally {
      this.#isConnecting = false
    }
    if (!this.#isWanted) this.#disconnect()
  }

  /** A connection that the other side has forgotten says nothing: it must be asked. */
  async #beat(client: RedisClient): Promise<void> {
    try {
      await this.#answered(client, client.sendCommand(['PING']))
      if (this.#client === client) this.#schedule(() => this.#beat(client), HEARTBEAT_MS)
    } catch {
      this.#lose(client)
    }
  }

  /** Waits for an answer, and loses a connection that does not give it. */
  async #answered(client: RedisClient, answer: Promise<unknown>): Promise<void> {
    const silence = setTimeout(() => this.#lose(client), HEARTBEAT_MS).unref()
    try {
      await answer
    } finally {
      clearTimeout(silence)
    }
  }

  #lose(client: RedisClient): void {
    if (this.#client !== client) return
    this.#disconnect()
    this.#retry()
  }

  #retry(): void {
    if (!this.#isWanted) return
    this.#schedule(() => this.#connect(), this.#pauseMs)
    this.#pauseMs = Math.min(2 * this.#pauseMs, LONGEST_PAUSE_MS)
  }

  #disconnect(): void {
    clearTimeout(this.#timer)
    const client = this.#client
    this.#client = undefined
    client?.destroy()
  }

  #schedule(act: () => Promise<void>, ms: number): void {
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => void act(), ms)
    this.#timer.unref()
  }

  #hear(message: string): void {
    const [reason, base] = message.split(' ') as [WakeUp['reason'], string]
    this.#deliver({ queue: queueOfBase(this.#prefix, base), reason })
  }

  #deliver(wakeUp: WakeUp): void {
    for (const listener of this.#listeners) {
      try {
        listener(wakeUp)
      } catch {
        // The hint is all a listener is owed; its error must not keep it from the others.
      }
    }
  }
}
