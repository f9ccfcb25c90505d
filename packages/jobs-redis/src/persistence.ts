import { ErrorReply } from '@redis/client'
import type { ServerInfo } from './server-info.ts'

/**
 * Runs a command on a server.
 *
 * @throws `ErrorReply` what the server answers; `JobsError` where it does not.
 */
export type Ask = (...command: readonly string[]) => Promise<unknown>

/** How a server keeps its data. */
export interface Persistence {
  /** The settings that decide. */
  readonly mode: string
  /** What a crash may lose; `null` for nothing. */
  readonly loss: string | null
  /** How less would be lost. */
  readonly advice?: string
}

/** What a crash of the server may lose, by what it says of itself. */
export async function persistenceOf(info: ServerInfo, ask: Ask): Promise<Persistence> {
  return info.get('aof_enabled') === '1'
    ? appendOnly(await setting(ask, 'appendfsync'))
    : snapshots(info, await setting(ask, 'save'))
}

function appendOnly(fsync: string | null): Persistence {
  if (fsync === 'always') return { mode: 'appendonly yes, appendfsync always', loss: null }
  if (fsync === 'no') {
    return {
      mode: 'appendonly yes, appendfsync no',
      loss: 'a crash of the machine may lose half a minute or more',
      advice: 'set appendfsync to everysec, or to always',
    }
  }
  const loss = 'a crash may lose about the last second'
  const advice = 'where that matters set appendfsync to always, or use waitAof'
  if (fsync !== null) return { mode: 'appendonly yes, appendfsync everysec', loss, advice }
  const unless = ', unless appendfsync is always, which this user may not read'
  return { mode: 'appendonly yes', loss: loss + unless, advice }
}

function snapshots(info: ServerInfo, save: string | null): Persistence {
  const advice = 'set appendonly to yes'
  if (save === '') return { mode: 'no persistence', loss: 'a crash loses every job', advice }
  const last = new Date(Number(info.get('rdb_last_save_time')) * 1000).toISOString()
  return {
    mode: save === null ? 'no append-only file' : `snapshots alone (save ${save})`,
    loss: `a crash loses what came after the last one (${last}: that, or the start of the server)`,
    advice,
  }
}

/** A setting of the server; `null` where the user may not read it, or nobody may. */
async function setting(ask: Ask, name: string): Promise<string | null> {
  try {
    const settings = (await ask('CONFIG', 'GET', name)) as object
    // A list of names and values, or an object of them: that depends on the protocol.
    return (Object.values(settings) as string[]).at(-1) ?? null
  } catch (error) {
    if (error instanceof ErrorReply) return null
    throw error
  }
}
