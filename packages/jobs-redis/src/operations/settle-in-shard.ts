import type {
  CallOptions,
  ClaimRequest,
  ClaimResult,
  Random,
  Settlement,
  SettleResult,
} from '@cgk/jobs-core'
import { jobArguments, tenantText } from '../encode-job.ts'
import type { FunctionsCaller } from '../functions-caller.ts'
import type { GiveBack } from '../give-back.ts'
import { runArguments, splitSettlements } from '../plain-runs.ts'
import { partArguments } from '../sheet-parts.ts'
import type { QueueRegistry } from '../queue-registry.ts'
import { claimArguments, toClaimResult, type ClaimReply } from './claim.ts'

/** What settling and claiming is done with. */
export interface SettleTools {
  readonly caller: FunctionsCaller
  readonly registry: QueueRegistry
  readonly giveBack: GiveBack
  readonly random: Random
}

/** A claim, and where. */
export interface Claiming {
  readonly claim: ClaimRequest
  readonly shard: string
  /** Random digits that tell this claim. */
  readonly nonce: string
}

type ResultReply = Extract<SettleResult, string> | readonly [number, string]

/** Of jobs that are settled as one: 1 where all were, else the result of each. */
type TogetherReply = 1 | readonly ResultReply[]

type Reply = readonly [
  runs: readonly TogetherReply[],
  others: readonly ResultReply[],
  series: string,
  claimed: ClaimReply | readonly [],
  parts: readonly TogetherReply[],
]

/** Gives back what a claim may have leased, of which nobody heard. */
export function giveBack(tools: SettleTools, { claim, shard, nonce }: Claiming): void {
  tools.giveBack.claimOf(shard, nonce, claim.leaseMs)
}

/** Ends attempts of one shard, and claims from it, in one call. */
export async function settleInShard(
  tools: SettleTools,
  { shard, queue }: { readonly shard: string; readonly queue: string },
  settlements: readonly Settlement[],
  claiming: Claiming | undefined,
  options: CallOptions = {},
): Promise<{ readonly results: readonly SettleResult[]; readonly claimed: ClaimResult | null }> {
  const { caller } = tools
  const { parts, runs, others } = splitSettlements(settlements)
  const args = [
    ...claimArguments(claiming?.claim),
    ...partArguments(parts, settlements),
    ...runArguments(runs, settlements),
    String(others.length),
    ...others.flatMap((place) => settlementArguments(settlements[place]!)),
  ]
  const toResults = ([ofRuns, ofOthers, , , ofParts]: Reply): readonly SettleResult[] => {
    const results = settlements.map((): SettleResult => 'settled')
    const replies = [...ofRuns, ...ofParts]
    for (const [index, { places }] of [...runs, ...parts].entries()) {
      const reply = replies[index]!
      if (reply === 1) continue
      for (const [at, place] of places.entries()) results[place] = toSettleResult(reply[at]!)
    }
    for (const [index, place] of others.entries()) results[place] = toSettleResult(ofOthers[index]!)
    return results
  }
  if (claiming === undefined) {
    const reply = (await caller.call('settle', [shard], args, options)) as Reply
    return { results: toResults(reply), claimed: null }
  }
  const { claim, nonce } = claiming
  let isSent = false
  const onSent = (): void => void (isSent = true)
  try {
    const sent = { ...options, random: nonce, onSent }
    const reply = (await caller.call('settle', [shard], args, sent)) as Reply
    const from = { queue, series: reply[2], worker: claim.worker, nonce }
    return { results: toResults(reply), claimed: toClaimResult(from, reply[3] as ClaimReply) }
  } catch (error) {
    if (isSent) giveBack(tools, claiming)
    throw error
  }
}

const LETTERS = { complete: 'c', retry: 'r', release: 'l', fail: 'f' } as const

/** See `functions/settle.ts`. */
function settlementArguments(settlement: Settlement): string[] {
  const { lease, outcome, followUps, discard, headers } = settlement
  let code: string = LETTERS[outcome.type]
  const values: string[] = []
  const add = (letter: string, ...more: readonly string[]): void => {
    code += letter
    values.push(...more)
  }
  if (discard) add('d')
  if (outcome.type === 'complete' && outcome.result !== null) add('t', outcome.result)
  if (outcome.type === 'retry' || outcome.type === 'fail') add('t', JSON.stringify(outcome.error))
  if (outcome.type === 'fail' && outcome.error.retryable) add('y')
  if (outcome.type === 'retry' || outcome.type === 'release') add('m', String(outcome.delayMs))
  if (outcome.type === 'release' && outcome.pauseLimiterMs !== undefined) {
    add('p', String(outcome.pauseLimiterMs))
  }
  if (headers !== undefined) add('h', headers)
  if (followUps.length > 0) add('f', String(followUps.length), ...jobArguments(followUps))
  return [tenantText(lease.tenantId), lease.id, lease.token, code, ...values]
}

function toSettleResult(reply: ResultReply): SettleResult {
  if (typeof reply === 'string') return reply
  return { status: 'conflict', index: reply[0], holderName: reply[1] }
}
