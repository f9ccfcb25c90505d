import { ErrorReply } from '@redis/client'
import { isNotPermitted } from '../errors.ts'
import { baseOf, hintChannel } from '../keys.ts'
import { LIBRARY_FAMILY, LIBRARY_NAME } from '../library.ts'
import type { Ask } from '../persistence.ts'
import type { Check, Finding } from './check.ts'
import type { Topology } from './examined-server.ts'

/** What concerns the store itself. */
export const storeChecks: readonly Check[] = [
  {
    name: 'functions',
    look: async ({ ask }) => {
      const names = await librariesOf(ask)
      if (names === null) return null
      const others = names.filter((name) => name !== LIBRARY_NAME)
      const own = names.includes(LIBRARY_NAME)
        ? `${LIBRARY_NAME} is loaded`
        : `${LIBRARY_NAME} is not loaded: the first call of a store does that`
      if (others.length === 0) return { level: 'ok', message: own }
      return {
        level: 'ok',
        message: `${own}; of other versions: ${others.join(', ')}`,
        advice: 'FUNCTION DELETE those that no process uses any more',
      }
    },
  },
  {
    name: 'privileges',
    look: async ({ ask, prefix, topology, info }) => {
      const missing = new Set<string>(info === null ? ['+info'] : [])
      for (const command of probesOf(prefix, topology)) {
        try {
          await ask(...command)
        } catch (error) {
          if (isNotPermitted(error)) missing.add(missingFor(command, error, prefix))
          else if (!(error instanceof ErrorReply)) throw error
        }
      }
      if (missing.size === 0) return { level: 'ok', message: 'all that a worker needs' }
      return missingPrivileges([...missing])
    },
  },
]

/** The finding that a user lacks some rights, in the words of ACL SETUSER. */
export function missingPrivileges(missing: readonly string[]): Finding {
  const shown = missing.slice(0, 5).join(' ')
  const more = missing.length > 5 ? ` and ${missing.length - 5} more` : ''
  return {
    level: 'error',
    message: `missing: ${shown}${more}`,
    advice: 'give the user what a worker needs (docs/redis.md, A user of its own)',
  }
}

async function librariesOf(ask: Ask): Promise<readonly string[] | null> {
  try {
    const reply = await ask('FUNCTION', 'LIST', 'LIBRARYNAME', `${LIBRARY_FAMILY}*`)
    return (reply as readonly { readonly library_name: string }[]).map(
      (entry) => entry.library_name,
    )
  } catch (error) {
    if (isNotPermitted(error)) return null
    throw error
  }
}

/**
 * What a store runs, and its functions do, in a way that changes nothing: on a key that nobody has, or with an
 * argument that the server refuses once it has looked at the rights. There is no such way for SADD.
 */
function probesOf(prefix: string, topology: Topology): readonly (readonly string[])[] {
  const base = baseOf(prefix, 'doctor')
  const key = `${base}nothing`
  return [
    ['PING'],
    ['TIME'],
    ['FUNCTION', 'LOAD', 'no library'],
    ['FCALL', `${LIBRARY_FAMILY}none`, '1', key],
    ['PUBLISH', hintChannel(prefix), `ready ${base}`],
    ['GET', key],
    ['GETRANGE', key, '0', '0'],
    ['EXISTS', key],
    ['HGET', key, 'f'],
    ['HMGET', key, 'f'],
    ['HKEYS', key],
    ['HVALS', key],
    ['HEXISTS', key, 'f'],
    ['SCARD', key],
    ['SMEMBERS', key],
    ['SRANDMEMBER', key],
    ['ZCARD', key],
    ['ZRANGE', key, '0', '0'],
    ['ZRANGEBYSCORE', key, '0', '0'],
    ['ZREVRANGEBYLEX', key, '+', '-'],
    ['ZREVRANGEBYSCORE', key, '0', '0'],
    ['DEL', key],
    ['HDEL', key, 'f'],
    ['SREM', key, 'm'],
    ['SPOP', key],
    ['ZREM', key, 'm'],
    ['ZPOPMIN', key],
    ['ZREMRANGEBYRANK', key, '0', '0'],
    ['SET', key, 'v', 'NOT-AN-OPTION'],
    ['SETRANGE', key, '-1', 'v'],
    ['HSET', key, 'f', 'v', 'no value'],
    ['HINCRBY', key, 'f', 'no number'],
    ['ZADD', key, 'no score', 'm'],
    ...(topology === 'sentinel' ? [['ROLE']] : []),
  ]
}

function missingFor(
  [name = '', subcommand]: readonly string[],
  error: ErrorReply,
  prefix: string,
): string {
  const [, what] = /permissions to access .*?(key|channel)/.exec(error.message) ?? []
  if (what === 'key') return `~{${prefix}*`
  if (what === 'channel') return `&${hintChannel(prefix)}`
  const command = name === 'FUNCTION' ? `${name}|${subcommand ?? ''}` : name
  return `+${command.toLowerCase()}`
}
