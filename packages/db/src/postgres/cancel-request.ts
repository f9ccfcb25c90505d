import type { Socket } from 'node:net'

/** How a server process is known to its client. */
export interface Backend {
  readonly pid: number
  readonly secret: number
}

const CANCEL_REQUEST_CODE = 80_877_102
const TIMEOUT_MS = 5000

/**
 * Asks the server to stop what a process of it is doing, best effort. The request can hit nothing but
 * the statement it is meant for, because the connection it names is never used again.
 *
 * @param onDone - called when the request has been dealt with, or cannot be
 *
 * postgres.js can do this too, but an unreachable server then ends our process: the promise of its
 * `cancel()` is dropped, and its rejection goes unhandled.
 *
 * @see https://www.postgresql.org/docs/current/protocol-flow.html#PROTOCOL-FLOW-CANCELING-REQUESTS
 */
export function sendCancelRequest(socket: Socket, backend: Backend, onDone: () => void): void {
  const message = Buffer.alloc(16)
  message.writeInt32BE(message.length, 0)
  message.writeInt32BE(CANCEL_REQUEST_CODE, 4)
  message.writeInt32BE(backend.pid | 0, 8)
  message.writeInt32BE(backend.secret | 0, 12)
  socket.unref()
  socket.setTimeout(TIMEOUT_MS, () => socket.destroy())
  socket.on('error', () => socket.destroy())
  socket.on('close', onDone)
  socket.resume() // Or the end of the other side would never be heard.
  // The other side hangs up first: a PgBouncer 1.18 that loses this connection too early ends itself.
  socket.write(message)
}
