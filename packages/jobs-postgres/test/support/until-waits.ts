import type { Db } from '@cgk/db'
import { expect, vi } from 'vitest'
import { PATIENCE } from '../faults/support/jobs.ts'

/** Waits until a call of that function waits for a lock. */
export async function untilWaits(db: Db, name: string): Promise<void> {
  const waiting = `select from pg_stat_activity
    where datname = current_database() and wait_event_type = 'Lock' and query like '%.${name}(%'`
  await vi.waitFor(async () => expect(await db.query(waiting)).toHaveLength(1), PATIENCE)
}
