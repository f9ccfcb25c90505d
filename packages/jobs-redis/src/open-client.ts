import { JobsError } from '@cgk/jobs-core'
import { createClient, type RedisClientOptions } from '@redis/client'
import { checkServer } from './server-check.ts'

/** What the store uses of a client of node-redis. */
export type RedisClient = Pick<
  ReturnType<typeof createClient>,
  'sendCommand' | 'subscribe' | 'connect' | 'destroy' | 'on' | 'ref' | 'unref' | 'isOpen'
>

/** A client of node-redis, of which the store takes the server and the credentials. */
export interface ClientSource {
  duplicate(overrides?: object): unknown
}

/** Opens a connection to a server that was looked at; the function is called when it is lost. */
export type OpenClient = (onLost: (client: RedisClient) => void) => Promise<RedisClient>

const CONNECT_TIMEOUT_MS = 5_000

// The store decides itself when to connect anew, and what becomes of a call that met the loss.
const OPTIONS = { disableOfflineQueue: true, maintNotifications: 'disabled' } as const

/**
 * How to open connections to the server of a URL or of a client.
 *
 * @throws {@link JobsError} `JOBS_INVALID_CONFIG` for what is no URL of a Redis server.
 */
export function clientOpener(source: { url?: string; client?: ClientSource }): OpenClient {
  const make = source.client === undefined ? ofUrl(source.url) : ofClient(source.client)
  return async (onLost) => {
    const client = make()
    const lost = (): void => onLost(client)
    client.on('error', lost)
    client.on('end', lost)
    try {
      await client.connect()
      checkServer(await client.sendCommand<string>(['INFO']))
      return client
    } catch (error) {
      if (client.isOpen) client.destroy()
      throw error
    }
  }
}

function ofUrl(url: string | undefined): () => RedisClient {
  if (url === undefined || !/^rediss?:\/\//.test(url) || !URL.canParse(url)) {
    // Not the URL itself: it may hold a password.
    throw new JobsError(
      'JOBS_INVALID_CONFIG',
      'the Redis store needs a URL of the form redis://… or rediss://…, or a client of node-redis',
    )
  }
  const socket = {
    connectTimeout: CONNECT_TIMEOUT_MS,
    reconnectStrategy: false,
  } satisfies RedisClientOptions['socket']
  return () => createClient({ ...OPTIONS, url, socket })
}

function ofClient(client: ClientSource): () => RedisClient {
  const { options } = client as { options?: RedisClientOptions }
  return () =>
    client.duplicate({
      ...OPTIONS,
      socket: { ...options?.socket, reconnectStrategy: false },
    }) as RedisClient
}
