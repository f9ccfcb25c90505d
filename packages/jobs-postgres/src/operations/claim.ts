import type { CallOptions, ClaimedJob, ClaimRequest, ClaimResult } from '@cgk/jobs-core'
import type { Pipeline, Row, Statement } from '@cgk/db'
import { factsOf } from '../claimed-lease.ts'
import { toClaimedJob, type ClaimedRow } from '../job-record.ts'
import type { StoreContext } from '../store-context.ts'
import { giveBack } from './give-back.ts'

interface ClaimRow {
  /** Of the jobs, in their order, with commas between them; `null` where there are none. */
  readonly ids: string | null
  /** Likewise; `null` where all are 0. */
  readonly turns: string | null
  /** `null` where nothing was claimed because of a pause of the queue, or because there is no such queue. */
  readonly started_at: bigint | null
  readonly next_due_in_ms: bigint | null
  readonly awaits_release: boolean
  readonly has_suspects: boolean
}

/**
 * See `LeaseStore.claim`.
 *
 * @param pipeline - where it runs, if not on a connection of its own.
 */
export async function claim(
  context: StoreContext,
  request: ClaimRequest,
  options?: CallOptions,
  pipeline: Pipeline = (statements, limits) => context.db.pipeline(statements, limits),
): Promise<ClaimResult> {
  const token = crypto.randomUUID()
  try {
    const answers = await pipeline(claimStatements(context.schema, request, token), options)
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
      text: `select ids, turns, started_at, next_due_in_ms, awaits_release, has_suspects
        from ${schema}.claim($1, $2, $3, $4, $5, $6, $7)`,
      params: [queue, slots, prefetch, leaseMs, worker, suspects, token],
    },
    { text: `select * from ${schema}.claimed($1)`, params: [token], answersTexts: true },
  ]
}

/** Reads what {@link claimStatements} are answered with. */
export function readClaim(
  { queue, worker }: ClaimRequest,
  token: string,
  [claims, jobs]: readonly (readonly Row[])[],
): ClaimResult {
  const {
    ids,
    turns,
    started_at,
    next_due_in_ms: next,
    awaits_release,
    has_suspects,
  } = claims![0] as unknown as ClaimRow
  const lease = { queue, worker, token, startedAt: Number(started_at) }
  const found = (jobs as unknown as readonly ClaimedRow[]).map((row) => toClaimedJob(lease, row))
  return {
    jobs: ids === null ? [] : inOrder(found, ids.split(','), turns?.split(',')),
    nextDueInMs: next === null ? null : Number(next),
    awaitsRelease: awaits_release,
    hasSuspects: has_suspects,
  }
}

/**
 * Jobs in the order of their claim, of which `ids` are the rows and `turns` the turns, if any is not 0. Who has another
 * turn was taken back since.
 */
function inOrder(
  jobs: readonly ClaimedJob[],
  ids: readonly string[],
  turns: readonly string[] | undefined,
): readonly ClaimedJob[] {
  const isAt = (job: ClaimedJob | undefined, place: number): job is ClaimedJob => {
    const facts = job && factsOf(job)
    return facts?.id === ids[place] && facts?.turn === Number(turns?.[place] ?? 0)
  }
  if (jobs.length === ids.length && jobs.every(isAt)) return jobs
  const byRow = new Map(jobs.map((job) => [factsOf(job)?.id, job]))
  return ids.map((id) => byRow.get(id)).filter(isAt)
}
