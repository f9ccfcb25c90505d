import { type createClient, RedisClient, type RedisClientType } from '@redis/client'

const newClient = RedisClient.factory() as typeof createClient

/**
 * A client that connects once. `createClient` makes a class of all commands anew for each client, which takes longer than
 * most tests.
 */
export function redisClient(url: string, connectTimeout = 5_000): RedisClientType {
  const client = newClient({ url, socket: { reconnectStrategy: false, connectTimeout } })
  client.on('error', () => {})
  return client
}
