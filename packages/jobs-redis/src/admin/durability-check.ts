import { persistenceOf } from '../persistence.ts'
import type { ServerInfo } from '../server-info.ts'
import { infoCheck, type Check } from './check.ts'

/** What a crash of the server may lose. */
export const durabilityCheck: Check = infoCheck('durability', async (info, { ask }) => {
  const failed = failureOf(info)
  if (failed !== null) {
    return {
      level: 'error',
      message: `the server could not write its ${failed}: a crash may lose jobs, and it may take no more`,
      advice: 'look at the log of the server and at the room on its disk',
    }
  }
  const { mode, loss, ...advice } = await persistenceOf(info, ask)
  if (loss === null) return { level: 'ok', message: `${mode}: a crash loses nothing` }
  return { level: 'warning', message: `${mode}: ${loss}`, ...advice }
})

function failureOf(info: ServerInfo): string | null {
  if (info.get('aof_last_write_status') === 'err') return 'append-only file'
  return info.get('rdb_last_bgsave_status') === 'err' ? 'last snapshot' : null
}
