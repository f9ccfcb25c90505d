import { once } from 'node:events'
import { createAdaptorServer } from '@hono/node-server'
import { createOutsideApi } from './outside-api.ts'

/** The outside API, listening. */
export interface OutsideApiServer {
  readonly url: string
  close(): Promise<void>
}

/** Starts the outside API on a free port of this machine. */
export async function serveOutsideApi(options: {
  readonly seed: number
}): Promise<OutsideApiServer> {
  const server = createAdaptorServer({ fetch: createOutsideApi(options).fetch })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  if (address === null || typeof address === 'string')
    throw new Error('The outside API has no port')
  return {
    url: `http://127.0.0.1:${address.port}`,
    async close() {
      const closed = once(server, 'close')
      server.close()
      if ('closeAllConnections' in server) server.closeAllConnections()
      await closed
    },
  }
}
