import { isJobsError, type CallOptions, type ClaimedJob, type ClaimResult } from '@cgk/jobs-core'
import { giveBack, settleInShard, type Claiming, type SettleTools } from './settle-in-shard.ts'
import { soon } from './soon.ts'

/** What a shard answers to a claim, or why it does not. */
export type Visit = ClaimResult | { readonly failure: unknown }

/** Claims from one shard. Where there are others, one that does not answer soon is no reason to give up. */
export async function visit(
  tools: SettleTools,
  claiming: Claiming,
  hasOthers: boolean,
  options: CallOptions = {},
): Promise<Visit> {
  const { queue } = claiming.claim
  const within = hasOthers ? soon(options) : options
  try {
    const shard = { shard: claiming.shard, queue }
    const { claimed } = await settleInShard(tools, shard, [], claiming, within)
    return claimed!
  } catch (error) {
    const isRetryable = isJobsError(error) && error.retryable
    if (!hasOthers || !isRetryable || options.signal?.aborted === true) throw error
    return { failure: error }
  }
}

/**
 * Fills what slots are left from the other shards of the queue. Should that fail, what the first has given is
 * given back as well.
 */
export async function visitOthers(
  tools: SettleTools,
  first: Claiming,
  found: Visit,
  others: readonly string[],
  options: CallOptions | undefined,
): Promise<ClaimResult> {
  const { claim } = first
  const claimings = [first]
  const visits = [found]
  for (const shard of others) {
    const count = visits.flatMap(jobsOf).length
    const slots = claim.suspects && count > 0 ? 0 : claim.slots - count
    if (slots <= 0 && count > 0) return { ...together(visits), nextDueInMs: 0 }
    const claiming = { claim: { ...claim, slots }, shard, nonce: tools.random.hex(16) }
    try {
      visits.push(await visit(tools, claiming, true, options))
    } catch (error) {
      for (const [index, each] of visits.entries()) {
        if (jobsOf(each).length > 0) giveBack(tools, claimings[index]!)
      }
      throw error
    }
    claimings.push(claiming)
  }
  return together(visits)
}

function jobsOf(visit: Visit): readonly ClaimedJob[] {
  return 'jobs' in visit ? visit.jobs : []
}

/** When to ask a shard again that did not answer. */
const FAILURE_PAUSE_MS = 1_000

function together(visits: readonly Visit[]): ClaimResult {
  const answers = visits.flatMap((each) => ('jobs' in each ? each : []))
  const failures = visits.flatMap((each) => ('failure' in each ? [each.failure] : []))
  if (answers.length === 0) throw failures[0]
  const dueInMs = answers.flatMap(({ nextDueInMs }) => nextDueInMs ?? [])
  const nextDueInMs = Math.min(...dueInMs, failures.length > 0 ? FAILURE_PAUSE_MS : Infinity)
  return {
    jobs: answers.flatMap(({ jobs }) => jobs),
    nextDueInMs: nextDueInMs === Infinity ? null : nextDueInMs,
    awaitsRelease: answers.some(({ awaitsRelease }) => awaitsRelease),
    hasSuspects: answers.some(({ hasSuspects }) => hasSuspects),
  }
}
