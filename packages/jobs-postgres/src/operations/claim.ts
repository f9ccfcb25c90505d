import type { CallOptions, ClaimRequest, ClaimResult } from '@cgk/jobs-core'
import type { Row, Statement } from '@cgk/db'
import { toClaimedJob, type ClaimedRow } from '../job-record.ts'
import type { StoreContext } from '../store-context.ts'
import { giveBack } from './give-back.ts'

interface ClaimRow {
  /** `null` where nothing was claimed because of a pause of the queue, or because there is no such queue. */
  readonly started_at: bigint | null
  readonly next_due_in_ms: bigint | null
  readonly awaits_release: boolean
  readonly has_suspects: boolean
}

/** See `LeaseStore.claim`. */
export async function claim(
  context: StoreContext,
  request: ClaimRequest,
  options?: CallOptions,
): Promise<ClaimResult> {
  const token = crypto.randomUUID()
  try {
    const answers = await context.db.pipeline(
      claimStatements(context.schema, request, token),
      options,
    )
    return readClaim(request, token, answers)
  } catch (error) {
    // The claim may have been made for all that. Nobody waits for what becomes of it.
    void giveBack(context, token)
    throw error
  }
}

/**
 * A claim, and the jobs that it took, which are read when the queue's lock has been let go: whoever is slow to
 * take a large answer holds up nobody.
 *
 * @param token - a uuid of the caller's, new for each claim.
 */
export function claimStatements(
  schema: string,
  { queue, slots, prefetch, leaseMs, worker, suspects }: ClaimRequest,
  token: string,
): readonly Statement[] {
  return [
    {
      text: `select started_at, next_due_in_ms, awaits_release, has_suspects
        from ${schema}.claim($1, $2, $3, $4, $5, $6, $7)`,
      params: [queue, slots, prefetch, leaseMs, worker, suspects, token],
    },
    { text: `select * from ${schema}.claimed($1)`, params: [token] },
  ]
}

/** Reads what {@link claimStatements} are answered with. */
export function readClaim(
  { queue, worker }: ClaimRequest,
  token: string,
  [claims, jobs]: readonly (readonly Row[])[],
): ClaimResult {
  const {
    started_at,
    next_due_in_ms: next,
    awaits_release,
    has_suspects,
  } = claims![0] as unknown as ClaimRow
  const lease = { queue, worker, token, startedAt: Number(started_at) }
  return {
    jobs: (jobs as unknown as readonly ClaimedRow[]).map((row) => toClaimedJob(lease, row)),
    nextDueInMs: next === null ? null : Number(next),
    awaitsRelease: awaits_release,
    hasSuspects: has_suspects,
  }
}
