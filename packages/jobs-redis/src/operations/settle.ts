import type { CallOptions, Settlement, SettleResult } from '@cgk/jobs-core'
import type { SettleAnswer, SettleRequest } from '../settle-joiner.ts'
import type { Shards } from '../shards.ts'
import { visit, visitOthers, type Visit } from './claim-in-turn.ts'
import { costsNoOther, failuresOf, givenUpAfter } from './part-failures.ts'
import { giveBack, settleInShard, type Claiming, type SettleTools } from './settle-in-shard.ts'
import { partsOf, type ShardPart } from './shard-parts.ts'

/** How long a shard of a cluster may take, so that what the others answered is heard before the caller gives up. */
const PART_MS = 1_500

/** Ends attempts and claims, in one call a shard. */
export async function settle(
  tools: SettleTools,
  request: SettleRequest,
  options?: CallOptions,
): Promise<SettleAnswer> {
  const { settlements, claim } = request
  const { caller, registry, random } = tools
  if (claim !== undefined) await registry.add([claim.queue], options)
  const [first, ...others] = claim === undefined ? [] : caller.shards.inTurn(claim.queue)
  const claiming = claim && { claim, shard: first!, nonce: random.hex(16) }
  const results = settlements.map((): SettleResult => 'unanswered')
  const isClaimAlone = settlements.length === 0
  const within = caller.isCluster && !isClaimAlone ? givenUpAfter(PART_MS, options) : options
  let found: Visit | undefined
  const failures = await failuresOf(
    // On one connection the claim is behind all settlements.
    claimedLast(caller.shards, settlements, claiming).map(async (part) => {
      const claimingHere = claiming?.shard === part.shard ? claiming : undefined
      if (claimingHere !== undefined && part.items.length === 0) {
        found = await visit(tools, claimingHere, others.length > 0, within)
        return
      }
      const answer = await settleInShard(tools, part, part.items, claimingHere, within)
      part.places.forEach((place, at) => (results[place] = answer.results[at]!))
      found = answer.claimed ?? found
    }),
  )
  const [failure] = failures
  const fatal = failures.find((each) => !costsNoOther(each, options))
  if (fatal !== undefined) {
    // Nobody hears of what was claimed beside it.
    if (found !== undefined && 'jobs' in found) giveBack(tools, claiming!)
    throw fatal
  }
  const isUnanswered = results.every((result) => result === 'unanswered')
  if (claiming === undefined) {
    if (isUnanswered && failure !== undefined) throw failure
    return { results, claimed: null }
  }
  const claimed = await visitOthers(tools, claiming, found ?? { failure }, others, options)
  if ('jobs' in claimed) return { results, claimed }
  if (isUnanswered) throw claimed.failure
  return { results, claimed: null }
}

/** The parts of a call; that which is claimed from is there, and last. */
function claimedLast(
  shards: Shards,
  settlements: readonly Settlement[],
  claiming: Claiming | undefined,
): readonly ShardPart<Settlement>[] {
  const parts = partsOf(shards, settlements, ({ lease }) => lease)
  if (claiming === undefined) return [...parts.values()]
  const { shard, claim } = claiming
  const last = parts.get(shard) ?? { shard, queue: claim.queue, items: [], places: [] }
  parts.delete(shard)
  return [...parts.values(), last]
}
