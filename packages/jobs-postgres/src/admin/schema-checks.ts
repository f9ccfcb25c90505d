import { quoteSchema } from '@cgk/db'
import type { Check } from './examine.ts'

const MANY_DEAD_ROWS = 100_000

/** What a worker does to tables itself; the rest is done by functions, with the rights of their owner. */
const TABLE_PRIVILEGES = `('migration', 'select'), ('queue', 'select'), ('job_group', 'select'),
  ('schedule', 'select'), ('schedule', 'delete')`

/** What concerns the store's own schema. */
export const schemaChecks: readonly Check[] = [
  {
    name: 'schema',
    look: async ({ migrator, schema }, options) => {
      const { version, wanted, pending, drifted, isNewer } = await migrator.status(options)
      if (drifted.length > 0) {
        return {
          level: 'error',
          message: `schema ${schema} was migrated with another text: ${drifted.join(', ')}`,
          advice: 'use the version of the package that migrated it, or migrate a new schema',
        }
      }
      if (isNewer) {
        return {
          level: 'error',
          message: `schema ${schema} is at version ${version}, this program knows ${wanted}`,
          advice: 'update this program',
        }
      }
      if (pending.length === 0) return { level: 'ok', message: `${schema}, version ${version}` }
      return {
        level: 'error',
        message: `schema ${schema} is at version ${version} of ${wanted}`,
        advice: 'run cgk-worker migrate up',
      }
    },
  },
  {
    name: 'privileges',
    look: async ({ db, schema }, options) => {
      const rows = await db.query<{ missing: string }>(
        `with s as (select oid from pg_catalog.pg_namespace where nspname = $1)
         select 'create on the database' as missing
         where not exists (select from s) and not has_database_privilege(current_database(), 'create')
         union all
         select 'usage of the schema' from s where not has_schema_privilege(s.oid, 'usage')
         union all
         select needed.privilege || ' on ' || c.relname
         from s join pg_catalog.pg_class c on c.relnamespace = s.oid
         join (values ${TABLE_PRIVILEGES}) as needed (relation, privilege) on needed.relation = c.relname
         where not has_table_privilege(c.oid, needed.privilege)
         union all
         select 'execute on ' || p.proname
         from s join pg_catalog.pg_proc p on p.pronamespace = s.oid
         where not has_function_privilege(p.oid, 'execute')`,
        [schema],
        options,
      )
      if (rows.length === 0) return { level: 'ok', message: 'all that a worker needs' }
      const names = rows.map(({ missing }) => missing)
      const shown = names.slice(0, 5).join(', ')
      return {
        level: 'error',
        message: `missing: ${shown}${names.length > 5 ? ` and ${names.length - 5} more` : ''}`,
        advice:
          'grant the role what a worker needs (docs/postgres.md, Roles); a producer needs less',
      }
    },
  },
  {
    name: 'dead rows',
    look: async ({ db, schema }, options) => {
      if (db.kind === 'pglite') return null
      const rows = await db.query<{ name: string; dead: bigint }>(
        `select relname as name, n_dead_tup as dead from pg_catalog.pg_stat_user_tables
         where schemaname = $1 and n_dead_tup > $2 and n_dead_tup > n_live_tup order by n_dead_tup desc`,
        [schema, MANY_DEAD_ROWS],
        options,
      )
      if (rows.length === 0) return { level: 'ok', message: 'few' }
      return {
        level: 'warning',
        message: rows.map(({ name, dead }) => `${name} has ${dead}`).join(', '),
        advice: 'see old transactions; else let autovacuum run more often on these tables',
      }
    },
  },
  {
    name: 'size',
    look: async ({ db, schema }, options) => {
      const [row] = await db.query<{ size: string }>(
        `select pg_size_pretty(coalesce(sum(pg_total_relation_size(c.oid)), 0)) as size
         from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
         where n.nspname = $1 and c.relkind = 'r'`,
        [schema],
        options,
      )
      return { level: 'ok', message: `${row!.size} in ${quoteSchema(schema)}` }
    },
  },
]
