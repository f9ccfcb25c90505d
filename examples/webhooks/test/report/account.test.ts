import type { Job, JobCounts, JobStatus } from '@cgk/jobs'
import { expect, test } from 'vitest'
import { drawAccount, isBalanced, type Evidence } from '../../src/report/account.ts'

test('everything completed and vouched for is balanced', () => {
  const account = drawAccount(evidence())
  expect(account).toEqual({ enqueued: 2, completed: 2, failed: 0, unfinished: 0, losses: [] })
  expect(isBalanced(account)).toBe(true)
})

test('a delivery sent twice counts once', () => {
  const account = drawAccount(evidence({ handedIn: [sent('d1'), sent('d1')] }))
  expect(account.enqueued).toBe(2)
  expect(isBalanced(account)).toBe(true)
})

test('the same delivery id at two shops is two deliveries', () => {
  const account = drawAccount(
    evidence({
      handedIn: [sent('d1'), { ...sent('d1'), tenantId: 'meliusly' }],
      jobs: [delivery, action, { ...delivery, tenantId: 'meliusly', result: { followUpIds: [] } }],
    }),
  )
  expect(account).toMatchObject({ enqueued: 3, completed: 3, losses: [] })
})

test('a failed job is not lost', () => {
  const failed = { ...delivery, status: 'failed' as const, result: undefined }
  const account = drawAccount(evidence({ jobs: [failed], effects: [] }))
  expect(account).toMatchObject({ enqueued: 1, completed: 0, failed: 1, losses: [] })
  expect(isBalanced(account)).toBe(true)
})

test('a delivery that the store does not have is lost', () => {
  const account = drawAccount(evidence({ handedIn: [sent('d1'), sent('d2')] }))
  expect(account.losses).toEqual(['rawdog/d2 was enqueued and is not in the store'])
  expect(isBalanced(account)).toBe(false)
})

test('a follow-up that a completed delivery claims and the store does not have is lost', () => {
  const account = drawAccount(evidence({ jobs: [delivery], effects: [] }))
  expect(account.losses).toEqual(['rawdog/d1-notify-team was enqueued and is not in the store'])
})

test('a completed action without its effect is lost', () => {
  const account = drawAccount(evidence({ effects: [] }))
  expect(account.losses).toEqual([
    'rawdog/d1-notify-team completed, and the outside API knows nothing of it',
  ])
})

test('an effect does not vouch for another job than its own', () => {
  const account = drawAccount(evidence({ effects: [{ ...effect, tenantId: 'meliusly' }] }))
  expect(account.losses).toHaveLength(2)
})

test('an effect of a job that the store does not have is a loss', () => {
  const stray = { ...effect, effectId: 'e2', jobId: 'd9-notify-team' }
  const account = drawAccount(evidence({ effects: [effect, stray] }))
  expect(account.losses).toEqual(['rawdog/d9-notify-team had its effect and is not in the store'])
})

test('a job that has not ended is unfinished, not lost, and leaves the account unbalanced', () => {
  const account = drawAccount(
    evidence({ jobs: [delivery, { ...action, status: 'pending', result: undefined }] }),
  )
  expect(account).toMatchObject({ enqueued: 2, completed: 1, unfinished: 1, losses: [] })
  expect(isBalanced(account)).toBe(false)
})

const delivery = job({
  id: 'd1',
  name: 'receive-delivery',
  result: { followUpIds: ['d1-notify-team'] },
})
const action = job({ id: 'd1-notify-team', name: 'notify-team', result: { effectId: 'e1' } })
const effect = {
  effectId: 'e1',
  tenantId: 'rawdog',
  jobId: 'd1-notify-team',
  action: 'notify-team',
}

/** One delivery and its follow-up, both completed, with `change` in place of what it names. */
function evidence(change: Partial<Evidence> = {}): Evidence {
  const given = { handedIn: [sent('d1')], jobs: [delivery, action], effects: [effect], ...change }
  return { ...given, counts: countsOf(given.jobs) }
}

function sent(deliveryId: string): Evidence['handedIn'][number] {
  return { tenantId: 'rawdog', deliveryId, event: 'issues', wronglySigned: false }
}

function countsOf(jobs: readonly Job<unknown>[]): JobCounts {
  const count = (status: JobStatus): number => jobs.filter((job) => job.status === status).length
  return {
    pending: count('pending'),
    scheduled: count('scheduled'),
    running: count('running'),
    retrying: count('retrying'),
    completed: count('completed'),
    failed: count('failed'),
    cancelled: count('cancelled'),
  }
}

function job(own: { id: string; name: string; result: unknown }): Job<unknown> {
  const at = new Date(0)
  return {
    ...own,
    queue: 'webhooks',
    tenantId: 'rawdog',
    payload: {},
    status: 'completed',
    attempts: 1,
    maxAttempts: 3,
    priority: 0,
    scheduledAt: at,
    createdAt: at,
    updatedAt: at,
    releases: 0,
    lostLeases: 0,
    generation: 1,
    headers: {},
    failures: [],
  }
}
