import { JobsError } from '@cgk/jobs-core'
import { ErrorReply, type RedisClientOptions } from '@redis/client'
import { setTimeout as delay } from 'node:timers/promises'
import { Connection, untilAborted, type CommandSender, type SendOptions } from './connection.ts'
import {
  closedError,
  isNoCluster,
  isOutOfService,
  noClusterError,
  redirectionOf,
  timeoutError,
} from './errors.ts'
import { partsOf, readSlots, resolve, type SlotRanges } from './cluster-slots.ts'
import { slotOf } from './key-slot.ts'
import { makeClient, openerOf, type Look, type OpenClient } from './open-client.ts'

/** What the store uses of what `createCluster` of node-redis takes. */
export interface ClusterOptions {
  /** Some of the nodes, by which the others are found: `url`, or `socket` with `host` and `port`. */
  readonly rootNodes: readonly RedisClientOptions[]
  /** Credentials and TLS, of all nodes. */
  readonly defaults?: RedisClientOptions
}

/** How long a node may take to say which node has which slots. */
const ANSWER_MS = 2_000
/** How long a slot may be on the move before its calls are given up, where they do not say so themselves. */
const LONGEST_MOVE_MS = 30_000
const FIRST_PAUSE_MS = 10
const LONGEST_PAUSE_MS = 200

/**
 * The connections of a store to the nodes of a cluster, one to each that is needed. A command goes to the
 * node that has the slot of its key.
 *
 * A command that a node refused because the slot is elsewhere was not run, and is sent again: to where it
 * is, or a little later while the slot moves. It is not sent ahead with `ASKING`: of the keys of a queue
 * some would be here and some there, and a function needs all.
 */
export class ClusterConnection implements CommandSender {
  readonly isCluster = true
  readonly #options: ClusterOptions
  readonly #look: Look
  readonly #roots: readonly string[]
  readonly #nodes = new Map<string, Connection>()
  /** The address of the master of each slot, as far as it is known. */
  #owners: string[] = []
  /** Where else to ask for them. */
  #known: readonly string[] = []
  /** Nodes that failed a call since the slots were asked for: others may have taken their place. */
  readonly #doubted = new Set<string>()
  #discovering: Promise<void> | undefined
  #isClosed = false

  /** @throws `JOBS_INVALID_CONFIG` for root nodes that say not where they are. */
  constructor(options: ClusterOptions, look: Look) {
    this.#options = options
    this.#look = look
    this.#roots = options.rootNodes.map(addressOfRoot)
    if (this.#roots.length === 0) {
      throw new JobsError('JOBS_INVALID_CONFIG', 'cluster.rootNodes must name a node')
    }
  }

  async send(args: readonly string[], options: SendOptions): Promise<unknown> {
    const { signal } = options
    const slot = slotOf(options.key)
    const until = performance.now() + LONGEST_MOVE_MS
    let pauseMs = 0
    for (;;) {
      if (this.#isClosed) throw closedError()
      // What was not sent says nothing of the node.
      if (signal?.aborted === true) throw timeoutError(signal)
      const address = await this.#ownerOf(slot, signal)
      try {
        return await this.#node(address).send(args, options)
      } catch (error) {
        const redirection = redirectionOf(error)
        if (redirection === undefined) {
          if (!(error instanceof ErrorReply) || isOutOfService(error)) this.#doubted.add(address)
          throw error
        }
        if (performance.now() > until) throw movingError(error)
        if (redirection !== 'later') {
          this.#owners[redirection.slot] = resolve(redirection.address, address)
        }
        // The first who says that the slot has moved is believed at once.
        if (redirection === 'later' || pauseMs > 0) await pause(pauseMs, signal)
        pauseMs = Math.min(Math.max(2 * pauseMs, FIRST_PAUSE_MS), LONGEST_PAUSE_MS)
      }
    }
  }

  close(): void {
    this.#isClosed = true
    for (const node of this.#nodes.values()) node.close()
  }

  /** Opens a connection to some node: what is published at one is heard at all. */
  readonly openAny: OpenClient = async (onLost, signal) => {
    let failure: unknown
    for (const address of this.#candidates()) {
      if (signal.aborted) break
      try {
        return await this.#opener(address)(onLost, signal)
      } catch (error) {
        failure = error
      }
    }
    throw failure
  }

  async #ownerOf(slot: number, signal: AbortSignal | undefined): Promise<string> {
    const known = this.#owners[slot]
    if (known !== undefined && !this.#doubted.has(known)) return known
    await untilAborted(this.#discover(), signal)
    const owner = this.#owners[slot]
    if (owner !== undefined) return owner
    throw new JobsError('JOBS_STORE_UNAVAILABLE', `no node of the Redis cluster has slot ${slot}`, {
      retryable: true,
    })
  }

  #discover(): Promise<void> {
    this.#discovering ??= this.#askNodes().finally(() => (this.#discovering = undefined))
    return this.#discovering
  }

  async #askNodes(): Promise<void> {
    let failure: unknown
    for (const address of this.#candidates()) {
      if (this.#isClosed) throw closedError()
      try {
        const signal = AbortSignal.timeout(ANSWER_MS)
        const ranges = await this.#node(address).send(['CLUSTER', 'SLOTS'], { signal })
        this.#adopt(ranges as SlotRanges, address)
        return
      } catch (error) {
        failure = isNoCluster(error) ? noClusterError() : error
      }
    }
    throw failure
  }

  #adopt(ranges: SlotRanges, teller: string): void {
    const owners: string[] = []
    const known = new Set<string>()
    for (const { from, to, nodes } of readSlots(ranges, teller)) {
      for (let slot = from; slot <= to; slot++) owners[slot] = nodes[0]!
      for (const address of nodes) known.add(address)
    }
    this.#owners = owners
    this.#known = [...known]
    this.#doubted.clear()
  }

  /** All nodes that may know, each time from another on; those that failed last come last. */
  #candidates(): readonly string[] {
    const all = [...new Set([...this.#known, ...this.#roots])]
    const from = Math.floor(Math.random() * all.length)
    const inTurn = [...all.slice(from), ...all.slice(0, from)]
    return inTurn.toSorted((a, b) => Number(this.#doubted.has(a)) - Number(this.#doubted.has(b)))
  }

  #node(address: string): Connection {
    let node = this.#nodes.get(address)
    if (node === undefined) {
      node = new Connection(this.#opener(address))
      this.#nodes.set(address, node)
    }
    return node
  }

  #opener(address: string): OpenClient {
    const options = optionsOfNode(this.#options, address)
    return openerOf((ending) => makeClient(options, ending), this.#look)
  }
}

/** How to connect to one node. */
export function optionsOfNode({ defaults }: ClusterOptions, address: string): RedisClientOptions {
  return { ...defaults, socket: { ...defaults?.socket, ...partsOf(address) } }
}

/** Where a root node is. @throws `JOBS_INVALID_CONFIG` for one that does not say so. */
export function addressOfRoot({ url, socket = {} }: RedisClientOptions): string {
  if (url !== undefined && URL.canParse(url)) {
    const { hostname, port } = new URL(url)
    return `${hostname.replaceAll(/[[\]]/g, '')}:${port || 6379}`
  }
  const { host, port = 6379 } = socket as { readonly host?: string; readonly port?: number }
  if (host !== undefined) return `${host}:${port}`
  throw new JobsError(
    'JOBS_INVALID_CONFIG',
    'each of cluster.rootNodes needs a url, or a socket with a host',
  )
}

async function pause(ms: number, signal: AbortSignal | undefined): Promise<void> {
  try {
    await delay(ms, undefined, { ...(signal && { signal }) })
  } catch {
    throw timeoutError(signal!)
  }
}

function movingError(cause: unknown): JobsError {
  return new JobsError(
    'JOBS_STORE_UNAVAILABLE',
    'the slot of the queue is on the move between nodes of the Redis cluster; nothing was written',
    { retryable: true, cause },
  )
}
