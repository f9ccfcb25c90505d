import type { CallOptions, ClaimRequest, ClaimResult, NewJob } from '@cgk/jobs-core'
import type { Row } from '@cgk/db'
import { makeClaimedJob } from '../job-record.ts'
import type { StoreContext } from '../store-context.ts'
import type { WaitingClaim } from '../wake-ups.ts'
import { giveBack } from './give-back.ts'

/** What `enqueue_one` answers. */
export interface EnqueuedRow {
  /** `null` where it was refused. */
  readonly id: bigint | null
  readonly created_at: bigint | null
  readonly refused: string | null
}

interface ClaimedRow extends Row, EnqueuedRow {
  readonly is_claimed: boolean
  readonly next_due_in_ms: bigint | null
}

/**
 * Enqueues a job and, if its queue is at rest, claims it for a worker that waits for it, in one transaction. The worker
 * is given the job once that is committed.
 */
export async function enqueueClaimed(
  context: StoreContext,
  job: NewJob,
  waiting: WaitingClaim,
  options?: CallOptions,
): Promise<EnqueuedRow> {
  const token = crypto.randomUUID()
  let row: ClaimedRow
  try {
    row = await send(context, job, waiting.request, token, options)
  } catch (error) {
    // It may have been done for all that. Nobody waits for what becomes of it.
    void giveBack(context, token)
    waiting.give(undefined)
    throw error
  }
  const claimed = row.is_claimed ? claimOf(job, waiting.request, token, row) : undefined
  const isHeard = waiting.give(claimed)
  if (!isHeard && claimed !== undefined) void giveBack(context, token)
  else if (!isHeard) context.wakeUps.ready(job.queue)
  return row
}

async function send(
  { db, schema }: StoreContext,
  job: NewJob,
  { queue, leaseMs, worker }: ClaimRequest,
  token: string,
  options: CallOptions | undefined,
): Promise<ClaimedRow> {
  const [row] = await db.query<ClaimedRow>(
    `select id, created_at, refused, is_claimed, next_due_in_ms
     from ${schema}.enqueue_claimed($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)`,
    [
      queue,
      job.tenantId ?? '',
      job.name,
      job.payload,
      job.priority,
      job.metadata ?? null,
      job.headers ?? null,
      job.maxAttempts ?? null,
      job.retryDelayMs ?? null,
      job.timeoutMs ?? null,
      leaseMs,
      worker,
      token,
    ],
    options,
  )
  return row!
}

function claimOf(
  job: NewJob,
  { queue, worker }: ClaimRequest,
  token: string,
  { id, created_at, next_due_in_ms: next }: ClaimedRow,
): ClaimResult {
  const createdAt = Number(created_at)
  const claimed = makeClaimedJob(
    { queue, worker, token, startedAt: createdAt },
    {
      id: String(id),
      name: job.name,
      payload: job.payload,
      createdAt,
      tenantId: job.tenantId,
      runAt: createdAt,
    },
    {
      priority: job.priority,
      metadata: job.metadata ?? null,
      headers: job.headers ?? null,
      max_attempts: job.maxAttempts ?? null,
      retry_delay_ms: job.retryDelayMs ?? null,
      timeout_ms: job.timeoutMs ?? null,
    },
  )
  return {
    jobs: [claimed],
    nextDueInMs: next === null ? null : Number(next),
    awaitsRelease: false,
    hasSuspects: false,
  }
}
