import {
  type CallOptions,
  type JobControls,
  type LimitChange,
  type Limits,
  type LimitScope,
  type LimitState,
} from '@cgk/jobs-core'
import { readCursor, writeCursor } from '../page-cursor.ts'
import type { StoreContext } from '../store-context.ts'

/** See `JobControls.setLimits`. */
export async function setLimits(
  { db, schema, wakeUps }: StoreContext,
  changes: readonly LimitChange[],
  options?: CallOptions,
): Promise<void> {
  if (changes.length === 0) return
  const rows = changes.map(({ scope, source, limits }) => ({
    queue: scope.queue,
    ...columnsOf(scope),
    source,
    limits,
  }))
  await db.query(`select ${schema}.set_limits($1::text::jsonb)`, [JSON.stringify(rows)], options)
  for (const { scope, limits } of changes) {
    if (limits.paused === true) wakeUps.changed(scope.queue)
    wakeUps.ready(scope.queue)
  }
}

/** See `JobControls.isPaused`. */
export async function isPaused(
  { db, schema }: StoreContext,
  scope: LimitScope,
  options?: CallOptions,
): Promise<boolean> {
  const { level, tenant, limiter, key } = columnsOf(scope)
  const rows = await db.query<{ readonly paused: boolean }>(
    `select ${schema}.is_paused($1, $2, $3, $4, $5) as paused`,
    [scope.queue, level, tenant, limiter, key],
    options,
  )
  return rows[0]!.paused
}

/** See `JobControls.getLimits`. */
export async function getLimits(
  { db, schema }: StoreContext,
  scopes: readonly LimitScope[],
  options?: CallOptions,
): Promise<readonly LimitState[]> {
  if (scopes.length === 0) return []
  const rows = await db.query<{ readonly states: string }>(
    `select ${schema}.get_limits($1::text::jsonb) as states`,
    [JSON.stringify(scopes.map((scope) => ({ queue: scope.queue, ...columnsOf(scope) })))],
    options,
  )
  const states = JSON.parse(rows[0]!.states) as readonly Omit<LimitState, 'scope'>[]
  return states.map((state, index) => ({ scope: scopes[index]!, ...state }))
}

/** See `JobControls.listLimits`. */
export async function listLimits(
  { db, schema }: StoreContext,
  { queue, tenantId, limit, cursor }: Parameters<JobControls['listLimits']>[0],
  options?: CallOptions,
): ReturnType<JobControls['listLimits']> {
  const after = cursor === undefined ? [null, null, null, null] : readCursor(cursor, 4)
  const tenant = tenantId === undefined ? null : (tenantId ?? '')
  const rows = await db.query<SaidRow>(
    `select level, tenant, limiter, key, operator, directory
    from ${schema}.list_limits($1, $2, $3, $4, $5, $6, $7)`,
    // One more than is shown tells whether there is another page.
    [queue, tenant, limit + 1, ...after],
    options,
  )
  const shown = rows.slice(0, limit)
  return {
    limits: shown.map((row) => ({
      scope: scopeOf(queue, row),
      operator: JSON.parse(row.operator) as Limits,
      directory: JSON.parse(row.directory) as Limits,
    })),
    nextCursor: rows.length > limit ? cursorAfter(shown.at(-1)!) : null,
  }
}

/** A scope as the columns of `said` and `gate` name it. */
interface ScopeColumns {
  readonly level: number
  readonly tenant: string
  readonly limiter: string
  readonly key: string
}

interface SaidRow extends ScopeColumns {
  readonly [column: string]: string | number
  readonly operator: string
  readonly directory: string
}

function columnsOf({ tenantId, limiter = '', key = '' }: LimitScope): ScopeColumns {
  return { level: tenantId === undefined ? 0 : 1, tenant: tenantId ?? '', limiter, key }
}

function scopeOf(queue: string, { level, tenant, limiter, key }: ScopeColumns): LimitScope {
  if (level === 0) return { queue }
  return {
    queue,
    tenantId: tenant === '' ? null : tenant,
    ...(limiter !== '' && { limiter }),
    ...(key !== '' && { key }),
  }
}

function cursorAfter({ level, tenant, limiter, key }: ScopeColumns): string {
  return writeCursor([String(level), tenant, limiter, key])
}
