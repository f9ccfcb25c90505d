import { isNotPermitted } from '../errors.ts'
import type { ServerInfo } from '../server-info.ts'
import { infoCheck, type Check, type Finding } from './check.ts'
import type { Ask } from './examined-server.ts'

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
  return info.get('aof_enabled') === '1'
    ? appendOnly(await setting(ask, 'appendfsync'))
    : snapshots(info, await setting(ask, 'save'))
})

function failureOf(info: ServerInfo): string | null {
  if (info.get('aof_last_write_status') === 'err') return 'append-only file'
  return info.get('rdb_last_bgsave_status') === 'err' ? 'last snapshot' : null
}

function appendOnly(fsync: string | null): Finding {
  if (fsync === 'always') {
    return { level: 'ok', message: 'appendonly yes, appendfsync always: a crash loses nothing' }
  }
  if (fsync === 'no') {
    return {
      level: 'warning',
      message:
        'appendonly yes, appendfsync no: a crash of the machine may lose half a minute or more',
      advice: 'set appendfsync to everysec, or to always',
    }
  }
  const mode = fsync === null ? 'appendonly yes' : 'appendonly yes, appendfsync everysec'
  return {
    level: 'warning',
    message: `${mode}: a crash may lose about the last second${fsync === null ? ', unless appendfsync is always, which this user may not read' : ''}`,
    advice: 'where that matters set appendfsync to always, or use waitAof',
  }
}

function snapshots(info: ServerInfo, save: string | null): Finding {
  const advice = 'set appendonly to yes'
  if (save === '') {
    return { level: 'warning', message: 'no persistence: a crash loses every job', advice }
  }
  const last = new Date(Number(info.get('rdb_last_save_time')) * 1000).toISOString()
  const mode = save === null ? 'no append-only file' : `snapshots alone (save ${save})`
  return {
    level: 'warning',
    message: `${mode}: a crash loses what came after the last one (${last}: that, or the start of the server)`,
    advice,
  }
}

/** A setting of the server; `null` where the user may not read it. */
async function setting(ask: Ask, name: string): Promise<string | null> {
  try {
    const settings = (await ask('CONFIG', 'GET', name)) as Readonly<Record<string, string>>
    return settings[name] ?? null
  } catch (error) {
    if (isNotPermitted(error)) return null
    throw error
  }
}
