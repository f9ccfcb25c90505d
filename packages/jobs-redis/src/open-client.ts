import { type createClient, RedisClient as Client, type RedisClientOptions } from '@redis/client'
import { within } from './deadline.ts'

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

/** Makes a client whose socket the signal destroys, be it connecting or connected. */
export type MakeClient = (ending: AbortSignal) => RedisClient

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
export function openerOf(make: MakeClient, look: Look): OpenClient {
  return (onLost, signal) =>
    // A server may take the connection and then say nothing.
    connect(make, within(CONNECT_TIMEOUT_MS, signal), async (client) => {
      const lost = (): void => onLost(client)
      client.on('error', lost)
      client.on('end', lost)
      await look(client)
      return client
    })
}

/** Connects a client and uses it. Nothing is left of one that fails, or is not done when the signal aborts. */
export async function connect<T>(
  make: MakeClient,
  limit: AbortSignal,
  use: (client: RedisClient) => Promise<T>,
): Promise<T> {
  limit.throwIfAborted()
  // `destroy` of node-redis does not reach a socket that is connecting: it would open later, and stay.
  const ending = new AbortController()
  const client = make(ending.signal)
  client.on('error', () => {}) // What waits for it fails.
  const giveUp = (): void => ending.abort()
  limit.addEventListener('abort', giveUp)
  try {
    await client.connect()
    const result = await use(client)
    limit.throwIfAborted()
    return result
  } catch (error) {
    client.destroy()
    limit.throwIfAborted()
    throw error
  } finally {
    limit.removeEventListener('abort', giveUp)
  }
}

/** What the store makes of the options for a client of node-redis. */
export function makeClient(
  { socket, ...options }: RedisClientOptions,
  ending?: AbortSignal,
): RedisClient {
  return newClient({
    ...options,
    ...OPTIONS,
    socket: {
      connectTimeout: CONNECT_TIMEOUT_MS,
      ...socket,
      reconnectStrategy: false,
      ...(ending && { signal: ending }),
    } as RedisClientOptions['socket'] & {},
  })
}

/** How to open connections to the server of a client. */
export function openerOfClient(client: ClientSource, look: Look): OpenClient {
  const { options } = client as { options?: RedisClientOptions }
  return openerOf(
    (signal) =>
      client.duplicate({
        ...OPTIONS,
        socket: { ...options?.socket, reconnectStrategy: false, signal },
      }) as RedisClient,
    look,
  )
}
