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
  readonly stores: () => ReadonlyMap<string, JobStore>
  /** Whether a store serves some tenants alone: then one that is down leaves the worker ready. */
  readonly storesAreTenants: boolean
  /** By the queue's name. */
  readonly processors: ReadonlyMap<string, WatchedProcessor>
  /** Whether the processors were started; before that the worker waits for its stores. */
  readonly hasStarted: () => boolean
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
    const { reasons, stores } = await readiness(subject)
    const body = stores === null ? {} : { stores }
    return reasons.length === 0
      ? context.json({ status: 'ready', ...body })
      : context.json({ status: 'unready', reasons, ...body }, 503)
  })
  return app
}

// A worker that drains as it was told is alive: whoever killed it for that would cut the drain short. So is
// one that waits for a store, which a restart does not bring back.
function whyNotLive({ processors, hasStarted, isDraining }: HealthSubject): string[] {
  if (!hasStarted() || isDraining()) return []
  const reasons: string[] = []
  for (const [queue, { processor }] of processors) {
    const { state } = processor.status()
    if (state !== 'running') reasons.push(`queue ${queue}: its processor is ${state}`)
  }
  return reasons
}

interface Readiness {
  readonly reasons: readonly string[]
  /** How each store is, where some tenants are served by each. */
  readonly stores: Readonly<Record<string, string>> | null
}

async function readiness(subject: HealthSubject): Promise<Readiness> {
  const { processors, isDraining, storesAreTenants } = subject
  if (isDraining()) return { reasons: ['draining'], stores: null }
  const stores = await Promise.all(
    [...subject.stores()].map(async ([name, store]) => ({ name, trouble: await troubleOf(store) })),
  )
  const claims = [...processors].flatMap(([queue, watched]) => whyNotClaiming(queue, watched))
  const down = stores
    .filter(({ trouble }) => trouble !== null)
    .map(({ name, trouble }) => `store ${name}: ${trouble}`)
  if (!storesAreTenants) return { reasons: [...down, ...claims], stores: null }
  return {
    reasons: [...(down.length === stores.length ? down : []), ...claims],
    stores: Object.fromEntries(stores.map(({ name, trouble }) => [name, trouble ?? 'up'])),
  }
}

async function troubleOf(store: JobStore): Promise<string | null> {
  try {
    await pingStore(store, PING_DEADLINE_MS)
    return null
  } catch (error) {
    return messageOf(error)
  }
}

function whyNotClaiming(queue: string, { processor, concurrency }: WatchedProcessor): string[] {
  const { running, lastClaimAgoMs } = processor.status()
  if (lastClaimAgoMs === null) return [`queue ${queue}: no claim was answered yet`]
  // A full processor claims nothing, and need not.
  if (lastClaimAgoMs <= STALE_CLAIM_MS || running >= concurrency) return []
  return [`queue ${queue}: the last claim was answered ${Math.round(lastClaimAgoMs)} ms ago`]
}
