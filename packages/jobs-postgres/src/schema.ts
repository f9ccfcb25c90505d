import { integer, jsonb, pgSchema, pgView, text, timestamp } from 'drizzle-orm/pg-core'
import type { JobStatus, StoredError } from '@cgk/jobs-core'
import { DEFAULT_SCHEMA } from './migrations.ts'

/**
 * The view `job_status` of a store's schema as drizzle-orm knows it, to read jobs in queries of yours. It is
 * for people: it finds a job's status by looking at all jobs of the tenants that the reader may see.
 *
 * `payload`, `metadata`, `headers`, `result` and `progress` are texts of JSON.
 *
 * @param schema - the store's. @defaultValue `'jobs'`
 *
 * @example
 * ```ts
 * const { jobs } = jobsSchema()
 * const failed = await db.select().from(jobs).where(eq(jobs.status, 'failed'))
 * ```
 */
export function jobsSchema(schema: string = DEFAULT_SCHEMA) {
  // drizzle-orm knows that schema by no name.
  const view = schema === 'public' ? pgView : pgSchema(schema).view
  return { jobs: view('job_status', columns()).existing() }
}

function columns() {
  const instant = (name: string) => timestamp(name, { withTimezone: true })
  return {
    /** As `job.id`; unique in its queue and tenant. */
    id: text().notNull(),
    queue: text().notNull(),
    tenantId: text('tenant_id'),
    name: text().notNull(),
    status: text().$type<JobStatus>().notNull(),
    priority: integer().notNull(),
    payload: text().notNull(),
    metadata: text(),
    headers: text(),
    attempts: integer().notNull(),
    maxAttempts: integer('max_attempts'),
    releases: integer().notNull(),
    lostLeases: integer('lost_leases').notNull(),
    generation: integer().notNull(),
    createdAt: instant('created_at').notNull(),
    updatedAt: instant('updated_at').notNull(),
    runAt: instant('run_at').notNull(),
    startedAt: instant('started_at'),
    endedAt: instant('ended_at'),
    worker: text(),
    result: text(),
    error: jsonb().$type<StoredError>(),
    progress: text(),
    uniqueKey: text('unique_key'),
    orderingKey: text('ordering_key'),
    concurrencyKey: text('concurrency_key'),
    limiter: text(),
    groupId: text('group_id'),
    scheduleId: text('schedule_id'),
  }
}
