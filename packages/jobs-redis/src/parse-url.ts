import { JobsError } from '@cgk/jobs-core'
import type { RedisClientOptions } from '@redis/client'
import type { ClusterOptions } from './cluster-connection.ts'
import { makeClient } from './open-client.ts'
import type { SentinelOptions } from './sentinel.ts'

/** What a URL names. */
export type Named =
  | { readonly server: RedisClientOptions }
  | { readonly cluster: ClusterOptions }
  | { readonly sentinel: SentinelOptions }

const REDIS_PORT = 6379
const SENTINEL_PORT = 26_379

/**
 * Reads the URL of a server, of a cluster or of Sentinels.
 *
 * @throws {@link JobsError} `JOBS_INVALID_CONFIG` for any other.
 */
export function parseUrl(text: string): Named {
  try {
    const named = read(new URL(text))
    if (named !== undefined) return named
  } catch {
    // Neither the URL nor what is thrown about it is for a message: it may hold a password.
  }
  throw new JobsError(
    'JOBS_INVALID_CONFIG',
    'the Redis store needs a URL of the form redis://host, redis-cluster://host?node=host or redis-sentinel://host?name=name&node=host (rediss… for TLS), or a client of node-redis',
  )
}

function read(url: URL): Named | undefined {
  const [, tls, kind] = /^redis(s?)(-cluster|-sentinel)?:$/.exec(url.protocol) ?? []
  if (tls === undefined || url.host === '') return undefined
  if (kind === undefined) {
    const server = { url: url.href }
    makeClient(server) // Looks at the rest of the URL, and connects to nothing.
    return { server }
  }
  const nodes = [url.host, ...url.searchParams.getAll('node')]
  const username = decodeURIComponent(url.username)
  const password = decodeURIComponent(url.password)
  const defaults = {
    ...(username !== '' && { username }),
    ...(password !== '' && { password }),
    ...(tls !== '' && { socket: { tls: true as const } }),
  }
  if (kind === '-cluster') {
    const rootNodes = nodes.map((node) => ({ socket: addressOf(node, REDIS_PORT) }))
    return { cluster: { rootNodes, defaults } }
  }
  const name = url.searchParams.get('name')
  const database = Number(url.pathname.slice(1))
  if (name === null || !Number.isInteger(database)) return undefined
  const sentinelRootNodes = nodes.map((node) => addressOf(node, SENTINEL_PORT))
  return { sentinel: { name, sentinelRootNodes, nodeClientOptions: { ...defaults, database } } }
}

function addressOf(node: string, usualPort: number): { host: string; port: number } {
  const { hostname, port } = new URL(`redis://${node}`)
  // As sockets take it: an address of IPv6 without its brackets.
  return { host: hostname.replaceAll(/[[\]]/g, ''), port: Number(port) || usualPort }
}
