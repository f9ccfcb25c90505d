import { postgresRows } from './postgres-rows.ts'
import { redisRows } from './redis-rows.ts'
import type { RowGroup } from './rows.ts'

/** What our store on one database has to reach. */
export interface Table {
  /** The database, as people write it. */
  readonly title: string
  /** The system that is judged unless another is named. */
  readonly ours: string
  readonly groups: readonly RowGroup[]
}

/** What `--store` chooses from. */
export const tables = {
  postgres: { title: 'Postgres', ours: 'cgk-postgres', groups: postgresRows },
  redis: { title: 'Redis', ours: 'cgk-redis', groups: redisRows },
} satisfies Readonly<Record<string, Table>>
