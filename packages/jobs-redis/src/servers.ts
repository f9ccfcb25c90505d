import { JobsError } from '@cgk/jobs-core'
import { ClusterConnection, type ClusterOptions } from './cluster-connection.ts'
import { Connection, type CommandSender } from './connection.ts'
import type { DurabilityOptions } from './durability.ts'
import { lookOf } from './look-at-server.ts'
import {
  makeClient,
  openerOf,
  openerOfClient,
  type ClientSource,
  type OpenClient,
} from './open-client.ts'
import { parseUrl } from './parse-url.ts'
import { openerBySentinels, type SentinelOptions } from './sentinel.ts'

/** Where the server of a store is, or its servers: one of these. */
export interface ServerSource {
  readonly url?: string | undefined
  readonly client?: ClientSource | undefined
  readonly cluster?: ClusterOptions | undefined
  readonly sentinel?: SentinelOptions | undefined
}

/** What a store uses of its servers. */
export interface Servers {
  /** Where calls go. */
  readonly sender: CommandSender
  /** How to open a connection that listens. */
  readonly open: OpenClient
}

/**
 * The servers that a source names. Nothing is connected to yet.
 *
 * @throws {@link JobsError} `JOBS_INVALID_CONFIG` for none, for several, or for a URL of something else.
 */
export function serversOf(source: ServerSource, durability: DurabilityOptions = {}): Servers {
  const { url, client, cluster, sentinel } = source
  const given = [url, client, cluster, sentinel].filter((each) => each !== undefined)
  if (given.length !== 1) {
    throw new JobsError(
      'JOBS_INVALID_CONFIG',
      'the Redis store needs one of url, client, cluster and sentinel',
    )
  }
  const look = lookOf(durability)
  if (client !== undefined) return single(openerOfClient(client, look))
  const named = url === undefined ? { cluster, sentinel } : parseUrl(url)
  if ('server' in named) return single(openerOf((ending) => makeClient(named.server, ending), look))
  if ('sentinel' in named && named.sentinel !== undefined) {
    return single(openerBySentinels(named.sentinel, look))
  }
  const sender = new ClusterConnection((named as { cluster: ClusterOptions }).cluster, look)
  return { sender, open: sender.openAny }
}

function single(open: OpenClient): Servers {
  return { sender: new Connection(open), open }
}
