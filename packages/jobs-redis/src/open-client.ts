import { type createClient, RedisClient as Client, type RedisClientOptions } from '@redis/client'

/** As `createClient`, which makes a class of all commands anew for each client: that takes 15 ms or more. */
const newClient = Client.factory() as typeof createClient

/** What the store uses of a client of node-redis. */
export type RedisClient = Pick<
  ReturnType<typeof createClient>,
  'sendCommand' | 'subscribe' | 'connect' | 'destroy' | 'on' | 'ref' | 'unref' | 'isOpen'
>

/** A client of node-redis, of which the store takes the server and the credentials. */
export interface ClientSource {
  duplicate(overrides?: object): unknown
}

/**
 * Opens a connection to a server that was looked at; the function is called when it is lost. The signal
 * gives up what is being opened, and nothing else.
 */
export type OpenClient = (
  onLost: (client: RedisClient) => void,
  signal: AbortSignal,
) => Promise<RedisClient>

/** Looks at the server of a connection that was just made. @throws where a store cannot work on it. */
export type Look = (client: RedisClient) => Promise<void>

const CONNECT_TIMEOUT_MS = 5_000

// The store decides itself when to connect anew, what becomes of a call that met the loss, and how long one may take:
// the client's own deadline would be a signal and a timer for each command.
const OPTIONS = {
  disableOfflineQueue: true,
  maintNotifications: 'disabled',
  commandOptions: { timeout: 0 },
} as const

/** How to open connections with the clients that the function makes. */
export function openerOf(make: () => RedisClient, look: Look): OpenClient {
  return async (onLost, signal) => {
    const client = make()
    const lost = (): void => onLost(client)
    client.on('error', lost)
    client.on('end', lost)
    // A server may take the connection and then say nothing.
    const limit = AbortSignal.any([signal, AbortSignal.timeout(CONNECT_TIMEOUT_MS)])
    const giveUp = (): void => destroy(client)
    limit.addEventListener('abort', giveUp)
    try {
      await client.connect()
      await look(client)
      limit.throwIfAborted()
      return client
    } catch (error) {
      destroy(client)
      throw error
    } finally {
      limit.removeEventListener('abort', giveUp)
    }
  }
}

/** Ends a connection, whatever it still owes. */
export function destroy(client: RedisClient): void {
  if (client.isOpen) client.destroy()
}

/** What the store makes of the options for a client of node-redis. */
export function makeClient({ socket, ...options }: RedisClientOptions): RedisClient {
  return newClient({
    ...options,
    ...OPTIONS,
    socket: {
      connectTimeout: CONNECT_TIMEOUT_MS,
      ...socket,
      reconnectStrategy: false,
    } as RedisClientOptions['socket'] & {},
  })
}

/** How to open connections to the server of a client. */
export function openerOfClient(client: ClientSource, look: Look): OpenClient {
  const { options } = client as { options?: RedisClientOptions }
  return openerOf(
    () =>
      client.duplicate({
        ...OPTIONS,
        socket: { ...options?.socket, reconnectStrategy: false },
      }) as RedisClient,
    look,
  )
}
