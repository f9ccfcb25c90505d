import type { CallOptions, ClaimRequest, Settlement, SettleResult } from '@cgk/jobs-core'
import type { SettleAnswer, SettleRequest } from '../settle-joiner.ts'
import type { Shards } from '../shards.ts'
import { visit, visitOthers, type Visit } from './claim-in-turn.ts'
import { giveBack, settleInShard, type SettleTools } from './settle-in-shard.ts'

interface Part {
  readonly shard: string
  readonly queue: string
  readonly settlements: Settlement[]
  /** Where they are in the call. */
  readonly places: number[]
}

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
  const results = settlements.map((): SettleResult => 'lost')
  let claimed: Visit | undefined
  // On one connection the claim is behind all settlements.
  const outcomes = await Promise.allSettled(
    partsOf(caller.shards, settlements, claim, first).map(async (part) => {
      const claimingHere = claiming?.shard === part.shard ? claiming : undefined
      if (claimingHere !== undefined && part.settlements.length === 0) {
        claimed = await visit(tools, claimingHere, others.length > 0, options)
        return
      }
      const answer = await settleInShard(tools, part, part.settlements, claimingHere, options)
      part.places.forEach((place, at) => (results[place] = answer.results[at]!))
      claimed = answer.claimed ?? claimed
    }),
  )
  const failure = outcomes.find(({ status }) => status === 'rejected')
  if (failure?.status === 'rejected') {
    // Nobody hears of what was claimed beside it.
    if (claimed !== undefined && 'jobs' in claimed) giveBack(tools, claiming!)
    throw failure.reason
  }
  if (claiming === undefined) return { results, claimed: null }
  return { results, claimed: await visitOthers(tools, claiming, claimed!, others, options) }
}

/** @param last - the shard that is claimed from: it has a part, and comes last. */
function partsOf(
  shards: Shards,
  settlements: readonly Settlement[],
  claim: ClaimRequest | undefined,
  last: string | undefined,
): readonly Part[] {
  const parts = new Map<string, Part>()
  settlements.forEach((settlement, place) => {
    const { queue, tenantId } = settlement.lease
    const shard = shards.of(queue, tenantId)
    let part = parts.get(shard)
    if (part === undefined) {
      part = { shard, queue, settlements: [], places: [] }
      parts.set(shard, part)
    }
    part.settlements.push(settlement)
    part.places.push(place)
  })
  if (claim === undefined || last === undefined) return [...parts.values()]
  const lastPart = parts.get(last) ?? {
    shard: last,
    queue: claim.queue,
    settlements: [],
    places: [],
  }
  parts.delete(last)
  return [...parts.values(), lastPart]
}
