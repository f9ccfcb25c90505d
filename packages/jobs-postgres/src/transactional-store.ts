import { type JobStore, JobsError } from '@cgk/jobs-core'
import type { Db } from '@cgk/db'
import type { CommitWatch } from './commit-watch.ts'
import type { StoreContext } from './store-context.ts'
import type { WakeUps } from './wake-ups.ts'

/** What a store of this package shares with what works in transactions of the database. */
export interface TransactionalStore {
  readonly kind: Db['kind']
  /** Quoted. */
  readonly schema: string
  readonly commits: CommitWatch
  readonly wakeUps: Pick<WakeUps, 'ready'>
  /** Queues that are known to be there. */
  readonly queues: Set<string>
  /** Opens what is not open. @throws as calls of the store. */
  open(): Promise<StoreContext>
}

/** Under this key a store carries it. Registered, so that another copy of this package finds it too. */
export const TRANSACTIONS: unique symbol = Symbol.for('@cgk/jobs-postgres.transactions') as never

/** @throws {@link JobsError} `JOBS_UNSUPPORTED` for a store of another package. */
export function transactionalStore(store: JobStore): TransactionalStore {
  const found = (store as { readonly [TRANSACTIONS]?: TransactionalStore })[TRANSACTIONS]
  if (found !== undefined) return found
  throw new JobsError(
    'JOBS_UNSUPPORTED',
    `the ${store.name} store is in no transaction of Postgres: use what createPostgresStore returned`,
  )
}
