import type { Job, JobCounts } from '@cgk/jobs'
import * as v from 'valibot'
import { ActionResult } from '../jobs/action-job.ts'
import { RECEIVE_DELIVERY, ReceiveResult } from '../jobs/receive-delivery-job.ts'
import type { Effect } from '../outside-api/ledger.ts'
import type { SentDelivery } from '../run/run.ts'

/** What the account is drawn from: three records that do not know of each other. */
export interface Evidence {
  /** The deliveries handed to the worker, repeats included. */
  readonly handedIn: readonly SentDelivery[]
  /** Every job the store has. */
  readonly jobs: readonly Job<unknown>[]
  /** What the store counts. */
  readonly counts: JobCounts
  /** What the outside API did. */
  readonly effects: readonly Effect[]
}

/** What became of everything that was handed in. */
export interface Account {
  /** Different deliveries handed in, and the follow-ups that completed deliveries claim. */
  readonly enqueued: number
  readonly completed: number
  readonly failed: number
  /** Jobs that have not ended: only when the run was interrupted. */
  readonly unfinished: number
  /** One sentence for each thing that is lost. */
  readonly losses: readonly string[]
}

/** Holds the records against each other. */
export function drawAccount({ handedIn, jobs, counts, effects }: Evidence): Account {
  const stored = new Map(jobs.map((job) => [keyOf(job), job]))
  const effectsById = new Map(effects.map((effect) => [effect.effectId, effect]))
  const expected = new Set(handedIn.map(({ tenantId, deliveryId }) => `${tenantId}/${deliveryId}`))
  const losses: string[] = []

  for (const job of jobs) {
    if (job.status !== 'completed') continue
    if (job.name === RECEIVE_DELIVERY) {
      const claim = v.safeParse(ReceiveResult, job.result)
      if (!claim.success) losses.push(`${keyOf(job)} completed without its result`)
      else for (const id of claim.output.followUpIds) expected.add(`${job.tenantId}/${id}`)
    } else {
      const claim = v.safeParse(ActionResult, job.result)
      const effect = claim.success ? effectsById.get(claim.output.effectId) : undefined
      if (effect === undefined || keyOf({ ...effect, id: effect.jobId }) !== keyOf(job)) {
        losses.push(`${keyOf(job)} completed, and the outside API knows nothing of it`)
      }
    }
  }
  for (const key of expected) {
    if (!stored.has(key)) losses.push(`${key} was enqueued and is not in the store`)
  }
  for (const { tenantId, jobId } of effects) {
    const key = `${tenantId}/${jobId}`
    if (!stored.has(key)) losses.push(`${key} had its effect and is not in the store`)
  }

  return {
    enqueued: expected.size,
    completed: counts.completed,
    failed: counts.failed,
    unfinished: jobs.filter(({ status }) => status !== 'completed' && status !== 'failed').length,
    losses,
  }
}

/** Whether nothing is lost and everything ended. */
export function isBalanced({ enqueued, completed, failed, losses }: Account): boolean {
  return losses.length === 0 && enqueued === completed + failed
}

function keyOf({ tenantId, id }: { tenantId?: string | undefined; id: string }): string {
  return `${tenantId}/${id}`
}
