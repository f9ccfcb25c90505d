import type { CallOptions, ClaimRequest, Random, Settlement, SettleResult } from '@cgk/jobs-core'
import { untilAborted } from '../connection.ts'
import { jobArguments, tenantText } from '../encode-job.ts'
import { isRefused } from '../errors.ts'
import type { FunctionsCaller } from '../functions-caller.ts'
import type { GiveBack } from '../give-back.ts'
import { runArguments, splitSettlements } from '../plain-runs.ts'
import { partArguments } from '../sheet-parts.ts'
import { readLoneReply } from '../lone-reply.ts'
import type { QueueRegistry } from '../queue-registry.ts'
import type { JoinedSettle, SettleAnswer } from '../settle-joiner.ts'
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

/** What is settled and claimed of one shard in one call. */
interface ShardSettle {
  readonly args: readonly string[]
  /** What the answer means. */
  readonly read: (reply: unknown) => SettleAnswer
}

function shardSettle(
  queue: string,
  settlements: readonly Settlement[],
  claiming: Claiming | undefined,
): ShardSettle {
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
  const read = (answer: unknown): SettleAnswer => {
    const reply = answer as Reply
    if (claiming === undefined) return { results: toResults(reply), claimed: null }
    const { claim, nonce } = claiming
    const from = { queue, series: reply[2], worker: claim.worker, nonce }
    return { results: toResults(reply), claimed: toClaimResult(from, reply[3] as ClaimReply) }
  }
  return { args, read }
}

/** Ends attempts of one shard, and claims from it, in one call. */
export async function settleInShard(
  tools: SettleTools,
  { shard, queue }: { readonly shard: string; readonly queue: string },
  settlements: readonly Settlement[],
  claiming: Claiming | undefined,
  options: CallOptions = {},
): Promise<SettleAnswer> {
  const { caller } = tools
  const { args, read } = shardSettle(queue, settlements, claiming)
  if (claiming === undefined) return read(await caller.call('settle', [shard], args, options))
  let isSent = false
  const onSent = (): void => void (isSent = true)
  try {
    const sent = { ...options, random: claiming.nonce, onSent }
    return read(await caller.call('settle', [shard], args, sent))
  } catch (error) {
    if (isSent) giveBack(tools, claiming)
    throw error
  }
}

/** The function has one text of random digits for both that it does; see `functions/enqueue.ts`. */
const DIGITS_OF_ENQUEUE = 6

/**
 * Stores jobs, and then settles and claims, in one call.
 *
 * @param jobs - the arguments that enqueue is called with
 * @returns what enqueue answers
 */
export async function enqueueAndSettle(
  tools: SettleTools,
  shard: string,
  jobs: readonly string[],
  { request, options: { signal } = {}, answer, alone }: JoinedSettle,
  options: CallOptions | undefined,
): Promise<unknown> {
  const { settlements, claim } = request
  const random = tools.random.hex(DIGITS_OF_ENQUEUE + 16)
  const claiming = { claim, shard, nonce: random.slice(DIGITS_OF_ENQUEUE) }
  const { args, read } = shardSettle(claim.queue, settlements, claiming)
  let isSent = false
  let isGivenUp = false
  const onSent = (): void => {
    isSent = true
    if (isGivenUp) giveBack(tools, claiming)
  }
  const sent = { ...options, random, onSent }
  const replies = tools.caller
    .call('enqueueAndSettle', [shard], [...jobs, ...args], sent)
    .then((reply) => inFull(reply as JoinedReply, jobs))
  const settled = untilAborted(replies, signal).then(
    ([, reply]) => read(reply),
    (error: unknown) => {
      // What keeps jobs out keeps nothing from being settled and claimed.
      if (isRefused(error)) return alone()
      // Jobs that are not sent yet will be, and the claim with them.
      isGivenUp = true
      if (isSent) giveBack(tools, claiming)
      throw error
    },
  )
  settled.then(answer.resolve, answer.reject)
  const [reply] = await replies
  return reply
}

/** What enqueue and settle answer; text is of a plain job that came alone, and was claimed. */
type JoinedReply = readonly [unknown, unknown] | string

function inFull(reply: JoinedReply, [, , , tail]: readonly string[]): readonly [unknown, unknown] {
  if (typeof reply !== 'string') return reply
  const { now, series, serial, claim } = readLoneReply(reply)
  const claimed = [[serial, `${now}\n${tail}`], '', 0, 0, now, claim, []]
  return [reply, [[], [], series, claimed, []]]
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
  if (followUps.length > 0) add('f', ...jobArguments(followUps))
  return [tenantText(lease.tenantId), lease.id, lease.token, code, ...values]
}

function toSettleResult(reply: ResultReply): SettleResult {
  if (typeof reply === 'string') return reply
  return { status: 'conflict', index: reply[0], holderName: reply[1] }
}
