import { once } from 'node:events'
import { createServer } from 'node:net'

// Below those that systems give to outgoing connections: a server that was stopped finds its port free
// when it starts again.
const FIRST = 20_000
const LAST = 32_000

// Processes begin apart from each other: who was given a port may take a while to listen on it.
let next = FIRST + ((process.pid * 101) % (LAST - FIRST))

/** A port of the loopback interface that nobody listens on, and that was not given out here a moment ago. */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = next
    next = port + 1 < LAST ? port + 1 : FIRST
    const server = createServer()
    try {
      await once(server.listen(port, '127.0.0.1'), 'listening')
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'EADDRINUSE') continue
      throw error
    }
    server.close()
    await once(server, 'close')
    return port
  }
}
