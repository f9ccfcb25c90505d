import type { Answered, Settlement, SettleResult } from '@cgk/jobs-core'
import type { Parameter, Queryable } from '@cgk/db'
import { batchLeases } from '../lease-batch.ts'
import { type Answer, readAnswer, toJsonSettlement } from './settle.ts'

interface CompletedRow {
  readonly [column: string]: string | boolean | null
  readonly answer: string | null
  readonly wakes: boolean
}

/** Completes an attempt in the transaction given. A settlement that was made before is answered `lost`. */
export async function completeAttempt(
  schema: string,
  tx: Queryable,
  settlement: Settlement,
): Promise<{ readonly result: Answered<SettleResult>; readonly wakes: boolean }> {
  const said = argumentsOf(settlement)
  if (said === null) return { result: 'lost', wakes: false }
  const [row] = await tx.query<CompletedRow>(
    `select answer, wakes from ${schema}.complete_attempt($1, $2, $3::text::jsonb)`,
    said,
  )
  const { answer, wakes } = row!
  const result = answer === null ? 'settled' : readAnswer(JSON.parse(answer) as Answer)
  return { result, wakes }
}

/** Whether such a transaction was committed; waits until it is over. */
export async function isCompleted(
  schema: string,
  db: Queryable,
  settlement: Settlement,
): Promise<boolean> {
  const said = argumentsOf(settlement)
  if (said === null) return false
  const [row] = await db.query<{ readonly completed: boolean }>(
    `select ${schema}.is_completed($1, $2, $3::text::jsonb) as completed`,
    said,
  )
  return row!.completed
}

/** `null` for a lease that cannot be current. */
function argumentsOf(settlement: Settlement): readonly Parameter[] | null {
  const [batch] = batchLeases([settlement], ({ lease }) => lease)
  if (batch === undefined) return null
  const { queue, claims, entries } = batch
  return [queue, claims[0]!, JSON.stringify(toJsonSettlement(entries[0]!))]
}
