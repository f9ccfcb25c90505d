import type { CallOptions, ClaimedJob, ClaimResult } from '@cgk/jobs-core'
import { costsNoOther, givenUpAfter } from './part-failures.ts'
import { giveBack, settleInShard, type Claiming, type SettleTools } from './settle-in-shard.ts'

/** What a shard answers to a claim, or why it does not. */
export type Visit = ClaimResult | { readonly failure: unknown }

/** How long a shard may take to answer a claim, where there are others to ask. */
const VISIT_MS = 1_000

/** After so long no more shards are asked, should some not have answered: the call is to end before its caller gives up. */
const VISITS_MS = 2_000

/** Claims from one shard. Where there are others, one that does not answer soon is no reason to give up. */
export async function visit(
  tools: SettleTools,
  claiming: Claiming,
  hasOthers: boolean,
  options: CallOptions | undefined,
): Promise<Visit> {
  const { queue } = claiming.claim
  const within = hasOthers ? givenUpAfter(VISIT_MS, options) : options
  try {
    const shard = { shard: claiming.shard, queue }
    const { claimed } = await settleInShard(tools, shard, [], claiming, within)
    return claimed!
  } catch (error) {
    if (!hasOthers || !costsNoOther(error, options)) throw error
    return { failure: error }
  }
}

/**
 * Fills what slots are left from the other shards of the queue. Should that fail, what the first has given is
 * given back as well. Where none answers, it is told why.
 */
export async function visitOthers(
  tools: SettleTools,
  first: Claiming,
  found: Visit,
  others: readonly string[],
  options: CallOptions | undefined,
): Promise<Visit> {
  const { claim } = first
  const claimings = [first]
  const visits = [found]
  const until = performance.now() + VISITS_MS
  for (const shard of others) {
    if (performance.now() > until && visits.some((each) => 'failure' in each)) break
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
  return visits.some((each) => 'jobs' in each) ? together(visits) : found
}

function jobsOf(visit: Visit): readonly ClaimedJob[] {
  return 'jobs' in visit ? visit.jobs : []
}

/** When to ask a shard again that did not answer. */
const FAILURE_PAUSE_MS = 1_000

function together(visits: readonly Visit[]): ClaimResult {
  const answers = visits.flatMap((each) => ('jobs' in each ? each : []))
  const dueInMs = answers.flatMap(({ nextDueInMs }) => nextDueInMs ?? [])
  const nextDueInMs = Math.min(
    ...dueInMs,
    answers.length < visits.length ? FAILURE_PAUSE_MS : Infinity,
  )
  return {
    jobs: answers.flatMap(({ jobs }) => jobs),
    nextDueInMs: nextDueInMs === Infinity ? null : nextDueInMs,
    awaitsRelease: answers.some(({ awaitsRelease }) => awaitsRelease),
    hasSuspects: answers.some(({ hasSuspects }) => hasSuspects),
  }
}
