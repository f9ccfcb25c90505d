import type { CallOptions } from '@cgk/jobs-core'
import { ErrorReply, type RedisClientOptions } from '@redis/client'
import { Connection } from '../connection.ts'
import { replyError } from '../errors.ts'
import { makeClient, openerOf } from '../open-client.ts'
import type { Ask } from '../persistence.ts'

/** A server that keeps jobs of the store. */
export interface ExaminedServer {
  /** What tells it from others of the same store; empty where there is one. */
  readonly address: string
  readonly options: RedisClientOptions
}

/** How the URL of the store says that its servers are organised. */
export type Topology = 'server' | 'sentinel' | 'cluster'

/**
 * Lends a connection to a server, whatever is wrong with its settings.
 *
 * @throws {@link JobsError} `JOBS_STORE_UNAVAILABLE` where it does not answer, or with an error.
 */
export async function withServer<T>(
  { options }: ExaminedServer,
  use: (ask: Ask) => Promise<T>,
  { signal }: CallOptions = {},
): Promise<T> {
  const connection = new Connection(
    openerOf(
      (ending) => makeClient(options, ending),
      async () => {},
    ),
  )
  try {
    return await use((...command) => connection.send(command, { signal }))
  } catch (error) {
    throw error instanceof ErrorReply ? replyError(error) : error
  } finally {
    connection.close()
  }
}
