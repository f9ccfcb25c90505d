import type { CallOptions, Db, Row } from '@cgk/db'
import type { Check } from './examine.ts'

const OLDEST_MAJOR = 15
const LONG_TRANSACTION_MS = 60_000
const CLOCKS_APART_MS = 5_000

/** What concerns the server, whatever schemas are in it. */
export const serverChecks: readonly Check[] = [
  {
    name: 'version',
    look: async ({ db }, options) => {
      const { number, name } = await one<{ number: number; name: string }>(
        db,
        `select current_setting('server_version_num')::int as number, current_setting('server_version') as name`,
        options,
      )
      if (Math.floor(number / 10_000) >= OLDEST_MAJOR) return { level: 'ok', message: name }
      return {
        level: 'error',
        message: `${name} is older than ${OLDEST_MAJOR}`,
        advice: `upgrade the server to Postgres ${OLDEST_MAJOR} or newer`,
      }
    },
  },
  {
    name: 'encoding',
    look: async ({ db }, options) => {
      const { encoding } = await one<{ encoding: string }>(
        db,
        `select current_setting('server_encoding') as encoding`,
        options,
      )
      if (encoding === 'UTF8') return { level: 'ok', message: encoding }
      return {
        level: 'error',
        message: `the database is encoded in ${encoding}, which cannot hold every text`,
        advice: `create a database with encoding 'UTF8'`,
      }
    },
  },
  {
    name: 'writable',
    look: async ({ db }, options) => {
      const { recovering, readonly } = await one<{ recovering: boolean; readonly: boolean }>(
        db,
        `select pg_is_in_recovery() as recovering,
           current_setting('default_transaction_read_only')::boolean as readonly`,
        options,
      )
      if (!recovering && !readonly) return { level: 'ok', message: 'yes' }
      return {
        level: 'error',
        message: recovering ? 'the server is a standby' : 'transactions are read-only by default',
        advice: 'connect to the primary, as a role whose transactions may write',
      }
    },
  },
  {
    name: 'isolation',
    look: async ({ db }, options) => {
      const { level } = await one<{ level: string }>(
        db,
        `select current_setting('transaction_isolation') as level`,
        options,
      )
      if (level === 'read committed') return { level: 'ok', message: level }
      return {
        level: 'error',
        message: `transactions are ${level} by default: calls that meet each other fail`,
        advice: `alter role … set default_transaction_isolation = 'read committed', and let the pooler connect anew`,
      }
    },
  },
  {
    name: 'durability',
    look: async ({ db }, options) => {
      if (db.kind === 'pglite') {
        return {
          level: 'warning',
          message: 'PGlite does not wait for the disk: a loss of power may lose the last jobs',
          advice: 'use a server where that matters',
        }
      }
      const rows = await db.query<{ name: string; setting: string }>(
        `select name, setting from pg_catalog.pg_settings
         where name in ('fsync', 'full_page_writes', 'synchronous_commit')`,
        [],
        options,
      )
      const off = rows.filter(({ setting }) => setting === 'off').map(({ name }) => name)
      if (off.length === 0) return { level: 'ok', message: 'commits wait for the disk' }
      return {
        level: off.some((name) => name !== 'synchronous_commit') ? 'error' : 'warning',
        message: `off: ${off.join(', ')}; a crash may lose jobs that were acknowledged`,
        advice: 'turn them on',
      }
    },
  },
  {
    name: 'old transactions',
    look: async ({ db }, options) => {
      if (db.kind === 'pglite') return null
      const { age, holders } = await one<{ age: number; holders: number }>(
        db,
        `select coalesce(max(extract(epoch from clock_timestamp() - xact_start) * 1000), 0)::float8 as age,
           count(*) filter (where clock_timestamp() - xact_start > $1 * interval '1 millisecond')::int as holders
         from pg_catalog.pg_stat_activity
         where backend_xmin is not null and pid <> pg_backend_pid()`,
        options,
        [LONG_TRANSACTION_MS],
      )
      if (holders === 0) return { level: 'ok', message: 'none' }
      return {
        level: 'warning',
        message: `${holders} hold a snapshot for over a minute, the oldest for ${Math.round(age / 1000)} s; nothing that is deleted meanwhile can be cleaned up`,
        advice:
          'look at pg_stat_activity (backend_xmin, xact_start) and end what should not be open; set idle_in_transaction_session_timeout',
      }
    },
  },
  {
    name: 'prepared transactions and replication slots',
    look: async ({ db }, options) => {
      if (db.kind === 'pglite') return null
      const { prepared, slots } = await one<{ prepared: number; slots: number }>(
        db,
        `select (select count(*)::int from pg_catalog.pg_prepared_xacts
             where prepared < clock_timestamp() - interval '1 minute') as prepared,
           (select count(*)::int from pg_catalog.pg_replication_slots where not active) as slots`,
        options,
      )
      if (prepared === 0 && slots === 0) return { level: 'ok', message: 'none forgotten' }
      return {
        level: 'warning',
        message: `${prepared} prepared transactions and ${slots} replication slots are left alone; they keep what is deleted from being cleaned up`,
        advice: 'commit or roll back the transactions, drop slots that nobody will use again',
      }
    },
  },
  {
    name: 'autovacuum',
    look: async ({ db }, options) => {
      if (db.kind === 'pglite') return null
      const { on } = await one<{ on: boolean }>(
        db,
        `select current_setting('autovacuum')::boolean as on`,
        options,
      )
      if (on) return { level: 'ok', message: 'on' }
      return { level: 'warning', message: 'off: tables only grow', advice: 'set autovacuum = on' }
    },
  },
  {
    name: 'connections',
    look: async ({ db }, options) => {
      if (db.kind === 'pglite') return null
      const { most, used } = await one<{ most: number; used: number }>(
        db,
        `select current_setting('max_connections')::int as most,
           (select count(*)::int from pg_catalog.pg_stat_activity where backend_type = 'client backend') as used`,
        options,
      )
      const message = `${used} of ${most} in use`
      if (used < most * 0.8) return { level: 'ok', message }
      return {
        level: 'warning',
        message,
        advice: 'raise max_connections, lower the pools, or put a pooler in between',
      }
    },
  },
  {
    name: 'notifications',
    look: async ({ db }, options) => {
      if (db.kind === 'pglite') return null
      const { usage } = await one<{ usage: number }>(
        db,
        `select pg_notification_queue_usage()::float8 as usage`,
        options,
      )
      if (usage < 0.5) return { level: 'ok', message: 'the queue is nearly empty' }
      return {
        level: usage < 0.9 ? 'warning' : 'error',
        message: `the queue of NOTIFY is ${Math.round(usage * 100)} % full; commits that notify fail when it is full`,
        advice: 'end the session that listens and has been in a transaction for long',
      }
    },
  },
  {
    name: 'clock',
    look: async ({ db }, options) => {
      const before = Date.now()
      const { now } = await one<{ now: number }>(
        db,
        `select (extract(epoch from clock_timestamp()) * 1000)::float8 as now`,
        options,
      )
      const apart = Math.max(before - now, now - Date.now(), 0)
      if (apart < CLOCKS_APART_MS) return { level: 'ok', message: 'as here' }
      return {
        level: 'warning',
        message: `${Math.round(apart / 1000)} s apart from this machine's; the server's decides`,
        advice: 'synchronise the clocks',
      }
    },
  },
]

async function one<R extends Row>(
  db: Db,
  text: string,
  options: CallOptions | undefined,
  params: readonly (string | number)[] = [],
): Promise<R> {
  const [row] = await db.query<R>(text, params, options)
  return row!
}
