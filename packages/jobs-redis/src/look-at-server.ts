import type { DurabilityOptions } from './durability.ts'
import type { Look } from './open-client.ts'
import { persistenceOf } from './persistence.ts'
import { checkServer } from './server-check.ts'
import { readInfo } from './server-info.ts'

/** What any store of this process has told, by server. */
const TOLD = new Set<string>()

/**
 * How a store looks at its servers: it refuses those that it cannot work on, and warns of what a crash may
 * lose. That is told once, however many servers a store has, and stores a server.
 */
export function lookOf({ waitAof }: DurabilityOptions): Look {
  const told = new Set<string>()
  return async (client) => {
    const ask = (...command: string[]) => client.sendCommand(command)
    const info = readInfo(await client.sendCommand<string>(['INFO']))
    checkServer(info)
    // Of a replica nothing is kept, and with waitAof a call that resolves is on the disk.
    if (info.get('role') !== 'master' || waitAof?.local === 1) return
    const { mode, loss, advice } = await persistenceOf(info, ask)
    const server = `${info.get('run_id')} ${mode}`
    if (loss === null || told.has(mode) || TOLD.has(server)) return
    told.add(mode)
    TOLD.add(server)
    process.emitWarning(`the Redis server has ${mode}: ${loss}; ${advice}`, {
      type: 'JobsWarning',
      code: 'JOBS_REDIS_MAY_LOSE',
    })
  }
}
