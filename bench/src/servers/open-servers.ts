import type { System } from '../systems/system.ts'
import { openPostgresServer, type PostgresServer } from './postgres-server.ts'
import { redisVersion } from './redis-server.ts'

/** What the systems of a benchmark need beside them. */
export interface Servers extends AsyncDisposable {
  /** Absent where no system needs it. */
  readonly postgres?: PostgresServer
  /** The version of the program that each run starts for itself. */
  readonly redis?: string
}

export async function openServers(systems: readonly System[]): Promise<Servers> {
  const needs = new Set(systems.map(({ server }) => server))
  const redis = needs.has('redis') ? redisVersion() : undefined
  const postgres = needs.has('postgres') ? await openPostgresServer() : undefined
  return {
    ...(postgres && { postgres }),
    ...(redis !== undefined && { redis }),
    async [Symbol.asyncDispose]() {
      await postgres?.[Symbol.asyncDispose]()
    },
  }
}
