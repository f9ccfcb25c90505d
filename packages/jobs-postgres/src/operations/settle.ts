import type {
  Answered,
  CallOptions,
  ClaimRequest,
  ClaimResult,
  Settlement,
  SettleResult,
} from '@cgk/jobs-core'
import type { Statement } from '@cgk/db'
import { toJsonJob } from '../json-job.ts'
import { batchLeases, leaseColumns, type LeaseBatch } from '../lease-batch.ts'
import type { StoreContext } from '../store-context.ts'
import { claimStatements, readClaim } from './claim.ts'
import { giveBack } from './give-back.ts'
import { readSettledBare, settleBareStatement } from './settle-bare.ts'

type Batch = LeaseBatch<Settlement>
type Entry = Batch['entries'][number]

/** What SQL answers to a batch: only what is not `settled`. */
interface SettledRow {
  readonly answers: string
  readonly wakes: boolean
}
export type Answer = 'lost' | 'cancelled' | { readonly index: number; readonly holderName: string }

/**
 * See `LeaseStore.settle`. Settlements of one queue are one transaction, a claim is another, sent with them:
 * so what is claimed afterwards sees what was settled, and a claim that waits holds up no settlement.
 */
export async function settle(
  context: StoreContext,
  request: { readonly settlements: readonly Settlement[]; readonly claim?: ClaimRequest },
  options?: CallOptions,
): Promise<{ readonly results: readonly SettleResult[]; readonly claimed: ClaimResult | null }> {
  const { settlements, claim } = request
  const results = settlements.map((): SettleResult => 'lost')
  const batches = batchLeases(settlements, ({ lease }) => lease)
  if (claim === undefined) {
    await settleBatches(context, batches, results, (statements) =>
      send(context, statements, options),
    )
    return { results, claimed: null }
  }
  const token = crypto.randomUUID()
  let claimed: ClaimResult | null = null
  try {
    await settleBatches(context, batches, results, async (statements) => {
      if (claimed !== null) return send(context, statements, options)
      const sent = [...statements, ...claimStatements(context.schema, claim, token)]
      const answers = await context.db.pipeline(sent, options)
      claimed = readClaim(claim, token, answers.slice(statements.length))
      return answers
    })
    return { results, claimed }
  } catch (error) {
    // The claim may have been made for all that. Nobody waits for what becomes of it.
    void giveBack(context, token)
    throw error
  }
}

/** Settles batches, and writes the answers where they belong. */
async function settleBatches(
  context: StoreContext,
  batches: readonly Batch[],
  results: SettleResult[],
  sendAll: (statements: readonly Statement[]) => Promise<readonly (readonly object[])[]>,
): Promise<void> {
  const { schema, wakeUps } = context
  const sent = batches.map((batch) => {
    const bare = settleBareStatement(schema, batch.queue, batch.claims, batch.entries)
    return { batch, isBare: bare !== null, statement: bare ?? settleStatement(schema, batch) }
  })
  const answers = await sendAll(sent.map(({ statement }) => statement))
  const unsettled: Batch[] = []
  for (const [index, { batch, isBare }] of sent.entries()) {
    const rows = answers[index]!
    if (!isBare) {
      readAnswers(context, batch, rows, results)
      continue
    }
    const { is_settled, wakes } = readSettledBare(rows)
    if (is_settled) readSettled(batch, results)
    else unsettled.push(batch)
    if (wakes) wakeUps.ready(batch.queue)
  }
  if (unsettled.length === 0) return
  const more = await sendAll(unsettled.map((batch) => settleStatement(schema, batch)))
  for (const [index, batch] of unsettled.entries())
    readAnswers(context, batch, more[index]!, results)
}

async function send(
  { db }: StoreContext,
  statements: readonly Statement[],
  options: CallOptions | undefined,
): Promise<readonly (readonly object[])[]> {
  const [first, ...others] = statements
  if (first === undefined) return []
  if (others.length > 0) return db.pipeline(statements, options)
  return [await db.query(first.text, first.params, options)]
}

function settleStatement(schema: string, { queue, claims, entries }: Batch): Statement {
  const repeated = repeatedJobs(entries)
  const plain: Entry[] = []
  const others: Entry[] = []
  for (const entry of entries) (isPlain(entry, repeated) ? plain : others).push(entry)
  return {
    text: `select answers, wakes from ${schema}.settle($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11::text::jsonb)`,
    params: [
      queue,
      claims,
      plain.map(({ place }) => place),
      ...leaseColumns(plain),
      resultsOf(plain),
      others.length === 0 ? null : JSON.stringify(others.map(toJsonSettlement)),
    ],
  }
}

function resultsOf(plain: readonly Entry[]): readonly (string | null)[] | null {
  const results = plain.map(({ item }) =>
    item.outcome.type === 'complete' ? item.outcome.result : null,
  )
  return results.every((result) => result === null) ? null : results
}

/** Whether it is all the same when it is settled. */
function isPlain({ facts, item }: Entry, repeated: ReadonlySet<string>): boolean {
  const { outcome, followUps, discard, headers } = item
  return (
    outcome.type === 'complete' &&
    followUps.length === 0 &&
    !discard &&
    headers === undefined &&
    !repeated.has(facts.id)
  )
}

/** Jobs that more than one settlement of the batch is about. */
function repeatedJobs(entries: readonly Entry[]): ReadonlySet<string> {
  const seen = new Set<string>()
  const repeated = new Set<string>()
  for (const { facts } of entries) {
    if (seen.has(facts.id)) repeated.add(facts.id)
    seen.add(facts.id)
  }
  return repeated
}

/** What `settle` reads of p_others. */
export function toJsonSettlement(entry: Entry): object {
  const { claim, facts, tenant, item, place } = entry
  const { turn, id, jobId, createdAt } = facts
  const { outcome, followUps, discard, headers } = item
  return {
    lease: claim,
    turn,
    id,
    tenant,
    jobId,
    createdAt,
    ...outcome,
    ...(followUps.length > 0 && { followUps: followUps.map(toJsonJob) }),
    place,
    discard,
    headers,
  }
}

function readSettled({ entries }: Batch, results: SettleResult[]): void {
  for (const { place } of entries) results[place - 1] = 'settled'
}

function readAnswers(
  { wakeUps }: StoreContext,
  batch: Batch,
  rows: readonly object[],
  results: SettleResult[],
): void {
  const [{ answers, wakes }] = rows as readonly [SettledRow]
  readSettled(batch, results)
  for (const { place, answer } of JSON.parse(answers) as readonly {
    readonly place: number
    readonly answer: Answer
  }[]) {
    results[place - 1] = readAnswer(answer)
  }
  if (wakes) wakeUps.ready(batch.queue)
}

export function readAnswer(answer: Answer): Exclude<Answered<SettleResult>, 'settled'> {
  return typeof answer === 'string' ? answer : { status: 'conflict', ...answer }
}
