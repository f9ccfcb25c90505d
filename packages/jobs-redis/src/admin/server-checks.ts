import { evicts, isTooOld } from '../server-check.ts'
import { infoCheck, type Check } from './check.ts'

const MEBIBYTE = 1024 * 1024
const NEARLY_FULL = 0.8

/** What concerns the server, whatever is stored there. */
export const serverChecks: readonly Check[] = [
  infoCheck('version', (info) => {
    const redis = info.get('redis_version') ?? ''
    const valkey = info.get('valkey_version')
    const message = valkey === undefined ? `Redis ${redis}` : `Valkey ${valkey}`
    if (!isTooOld(redis)) return { level: 'ok', message }
    return {
      level: 'error',
      message: `${message} is too old`,
      advice: 'upgrade the server to Redis 7 or newer, or Valkey',
    }
  }),

  infoCheck('writable', (info) => {
    if (info.get('role') === 'master') return { level: 'ok', message: 'yes' }
    return {
      level: 'error',
      message: 'the server is a replica',
      advice: 'name the master, or the Sentinels (redis-sentinel://) that know which it is',
    }
  }),

  infoCheck('cluster', (info, { topology }) => {
    if (topology === 'cluster' || info.get('cluster_enabled') !== '1') return null
    return {
      level: 'error',
      message: 'the server is a node of a cluster',
      advice: 'name the cluster, as in redis-cluster://host',
    }
  }),

  infoCheck('replicas', (info, { topology }) => {
    const count = Number(info.get('connected_slaves'))
    if (count > 0) return { level: 'ok', message: `${count} connected` }
    if (topology === 'server') return null
    return {
      level: 'warning',
      message: 'none is connected: nothing can take the place of the master',
      advice: 'start a replica',
    }
  }),

  infoCheck('eviction', (info) => {
    const policy = info.get('maxmemory_policy') ?? ''
    if (!evicts(policy)) return { level: 'ok', message: `maxmemory-policy ${policy}` }
    return {
      level: 'error',
      message: `maxmemory-policy ${policy} deletes jobs when the memory is full: the store refuses to work`,
      advice: 'set maxmemory-policy to noeviction',
    }
  }),

  infoCheck('memory', (info) => {
    const used = Number(info.get('used_memory'))
    const most = Number(info.get('maxmemory'))
    if (most === 0) {
      return {
        level: 'warning',
        message: `${inMebibytes(used)} in use, no maxmemory: a backlog that fills the machine ends the server`,
        advice: 'set maxmemory, so that new jobs are refused instead',
      }
    }
    const message = `${inMebibytes(used)} of ${inMebibytes(most)} in use (maxmemory)`
    if (used < NEARLY_FULL * most) return { level: 'ok', message }
    return {
      level: used < most ? 'warning' : 'error',
      message: `${message}; new jobs are refused when it is full`,
      advice: 'raise maxmemory, keep less history, or run more workers',
    }
  }),
]

function inMebibytes(bytes: number): string {
  return `${(bytes / MEBIBYTE).toFixed(1)} MiB`
}
