import { JobsError } from '@cgk/jobs-core'
import type { RedisClientOptions } from '@redis/client'
import { within } from './deadline.ts'
import { connectionError } from './errors.ts'
import {
  connect,
  makeClient,
  openerOf,
  type Look,
  type MakeClient,
  type OpenClient,
} from './open-client.ts'

/** What the store uses of what `createSentinel` of node-redis takes. */
export interface SentinelOptions {
  /** What the Sentinels call the server. */
  readonly name: string
  /** Where the Sentinels are; several, for some may be down. */
  readonly sentinelRootNodes: readonly { readonly host: string; readonly port: number }[]
  /** Credentials and TLS of the servers. */
  readonly nodeClientOptions?: RedisClientOptions
  /** Credentials and TLS of the Sentinels. */
  readonly sentinelClientOptions?: RedisClientOptions
}

/** How long a Sentinel may take to answer. */
const ANSWER_MS = 1_000

/** The part of what a Sentinel says of a server that tells which it is. */
export interface Master {
  readonly ip: string
  readonly port: string
  /** Grows with every failover. */
  readonly 'config-epoch': string
}

/**
 * How to open connections to the server that Sentinels have made the master: they are asked anew for each,
 * all at once, and the one that knows of the last failover is believed.
 */
export function openerBySentinels(options: SentinelOptions, look: Look): OpenClient {
  const { nodeClientOptions } = options
  const lookAtMaster: Look = async (client) => {
    await look(client)
    const [role] = await client.sendCommand<[string]>(['ROLE'])
    if (role !== 'master') throw connectionError(new Error('the server is not the master yet'))
  }
  return async (onLost, signal) => {
    const { ip: host, port } = masterOf(options, await askSentinels(options, signal))
    const socket = { ...nodeClientOptions?.socket, host, port: Number(port) }
    const make: MakeClient = (ending) => makeClient({ ...nodeClientOptions, socket }, ending)
    return openerOf(make, lookAtMaster)(onLost, signal)
  }
}

/** Asks all Sentinels which server is the master, in the order of the options. */
export function askSentinels(
  options: SentinelOptions,
  signal?: AbortSignal,
): Promise<readonly PromiseSettledResult<Master>[]> {
  const command = ['SENTINEL', 'MASTER', options.name]
  return Promise.allSettled(
    options.sentinelRootNodes.map((node) => askSentinel<Master>(options, node, command, signal)),
  )
}

/**
 * The master of the Sentinel that knows of the last failover.
 *
 * @throws {@link JobsError} `JOBS_STORE_UNAVAILABLE` where none names one.
 */
export function masterOf(
  { name }: SentinelOptions,
  answers: readonly PromiseSettledResult<Master>[],
): Master {
  const masters = answers.flatMap((answer) => (answer.status === 'fulfilled' ? answer.value : []))
  const [newest] = masters.toSorted((a, b) => epochOf(b) - epochOf(a))
  if (newest !== undefined) return newest
  const error = answers.find((answer) => answer.status === 'rejected')?.reason as unknown
  throw new JobsError('JOBS_STORE_UNAVAILABLE', `no Sentinel tells where ${name} is`, {
    retryable: true,
    cause: error,
  })
}

function epochOf(master: Master): number {
  return Number(master['config-epoch'])
}

/** Asks one Sentinel. */
export function askSentinel<Reply>(
  { sentinelClientOptions }: SentinelOptions,
  node: SentinelOptions['sentinelRootNodes'][number],
  command: readonly string[],
  signal?: AbortSignal,
): Promise<Reply> {
  const socket = { ...sentinelClientOptions?.socket, ...node }
  return connect(
    (ending) => makeClient({ ...sentinelClientOptions, socket }, ending),
    within(ANSWER_MS, signal),
    async (client) => {
      const reply = await client.sendCommand<Reply>(command)
      client.destroy()
      return reply
    },
  )
}
