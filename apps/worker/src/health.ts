import { once } from 'node:events'
import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { JobProcessor, JobStore } from '@cgk/jobs-core'
import { createAdaptorServer } from '@hono/node-server'
import { Hono } from 'hono'
import { messageOf, usageError } from './exit-error.ts'
import { pingStore } from './store-ping.ts'

const PING_DEADLINE_MS = 1_000

/** Well past the poll interval, and past the time a suspect job may keep claims waiting. */
const STALE_CLAIM_MS = 30_000

/** A processor and how many attempts fill it. */
interface WatchedProcessor {
  readonly processor: JobProcessor
  readonly concurrency: number
}

/** What the health endpoints look at. */
export interface HealthSubject {
  readonly stores: ReadonlyMap<string, JobStore>
  /** By the queue's name. */
  readonly processors: ReadonlyMap<string, WatchedProcessor>
  readonly isDraining: () => boolean
}

/** The health endpoints, listening. */
export interface HealthServer {
  readonly host: string
  readonly port: number
  close(): Promise<void>
}

/**
 * Serves `/livez` and `/readyz`.
 *
 * @throws `ExitError` 2 when the port cannot be had.
 */
export async function serveHealth(
  { host, port }: { readonly host: string; readonly port: number },
  subject: HealthSubject,
): Promise<HealthServer> {
  const server = createAdaptorServer({ fetch: healthApp(subject).fetch }) as Server
  try {
    server.listen(port, host)
    await once(server, 'listening')
  } catch (cause) {
    throw usageError(`cannot serve health on ${host}:${port}: ${messageOf(cause)}`, { cause })
  }
  return {
    host,
    port: (server.address() as AddressInfo).port,
    async close() {
      server.close()
      server.closeAllConnections()
      await once(server, 'close')
    },
  }
}

function healthApp(subject: HealthSubject): Hono {
  const app = new Hono()
  app.get('/livez', (context) => {
    const reasons = whyNotLive(subject)
    return reasons.length === 0
      ? context.json({ status: 'live' })
      : context.json({ status: 'dead', reasons }, 503)
  })
  app.get('/readyz', async (context) => {
    const reasons = await whyNotReady(subject)
    return reasons.length === 0
      ? context.json({ status: 'ready' })
      : context.json({ status: 'unready', reasons }, 503)
  })
  return app
}

// A worker that drains as it was told is alive: whoever killed it for that would cut the drain short.
function whyNotLive({ processors, isDraining }: HealthSubject): string[] {
  if (isDraining()) return []
  const reasons: string[] = []
  for (const [queue, { processor }] of processors) {
    const { state } = processor.status()
    if (state !== 'running') reasons.push(`queue ${queue}: its processor is ${state}`)
  }
  return reasons
}

async function whyNotReady({ stores, processors, isDraining }: HealthSubject): Promise<string[]> {
  if (isDraining()) return ['draining']
  const pings = [...stores].map(async ([name, store]) => {
    try {
      await pingStore(store, PING_DEADLINE_MS)
      return []
    } catch (error) {
      return [`store ${name}: ${messageOf(error)}`]
    }
  })
  const claims = [...processors].map(([queue, watched]) => whyNotClaiming(queue, watched))
  return [...(await Promise.all(pings)).flat(), ...claims.flat()]
}

function whyNotClaiming(queue: string, { processor, concurrency }: WatchedProcessor): string[] {
  const { running, lastClaimAgoMs } = processor.status()
  if (lastClaimAgoMs === null) return [`queue ${queue}: no claim was answered yet`]
  // A full processor claims nothing, and need not.
  if (lastClaimAgoMs <= STALE_CLAIM_MS || running >= concurrency) return []
  return [`queue ${queue}: the last claim was answered ${Math.round(lastClaimAgoMs)} ms ago`]
}
