import { bullmqPg } from './bullmq-pg.ts'
import { bullmq, bullmqAof } from './bullmq.ts'
import { cgkMemory } from './cgk-memory.ts'
import { cgkPglite } from './cgk-pglite.ts'
import { cgkPostgres } from './cgk-postgres.ts'
import { cgkRedis } from './cgk-redis.ts'
import { fastq } from './fastq.ts'
import { graphileWorkerDefault, graphileWorkerTuned } from './graphile-worker.ts'
import { pQueue } from './p-queue.ts'
import { pgBossDefault, pgBossTuned } from './pg-boss.ts'
import { pgInsert } from './pg-insert.ts'
import type { System } from './system.ts'

/** What `--systems` chooses from. Those that are ours take another checkout: `name=PATH`. */
const ours: Readonly<Record<string, (name: string, checkout: string | undefined) => System>> = {
  'cgk-memory': cgkMemory,
  'cgk-postgres': cgkPostgres,
  'cgk-pglite': cgkPglite,
  'cgk-redis': (name, checkout) => cgkRedis(name, checkout, 'none'),
  'cgk-redis:aof': (name, checkout) => cgkRedis(name, checkout, 'aof'),
}

const peers: readonly System[] = [
  fastq,
  pQueue,
  graphileWorkerDefault,
  graphileWorkerTuned,
  pgBossDefault,
  pgBossTuned,
  pgInsert,
  bullmqPg,
  bullmq,
  bullmqAof,
]

export const systemNames: readonly string[] = [
  ...Object.keys(ours),
  ...peers.map((system) => system.name),
]

/** What is measured unless systems are named: what needs no server. */
export const defaultSystems: readonly string[] = ['cgk-memory', fastq.name, pQueue.name]

/**
 * The system of a name, or of `name=PATH`: ours as another checkout has it.
 *
 * @throws Error when there is none of that name.
 */
export function findSystem(text: string): System {
  const separator = text.indexOf('=')
  const name = separator < 0 ? text : text.slice(0, separator)
  const checkout = separator < 0 ? undefined : text.slice(separator + 1)
  const open = ours[name]
  if (open !== undefined) return open(text, checkout)
  const peer = peers.find((system) => system.name === text)
  if (peer !== undefined) return peer
  throw new Error(
    `there is no system "${text}": choose from ${systemNames.join(', ')}, or ${Object.keys(ours).join(', ')} followed by =PATH`,
  )
}
