import { defineJob, type Job, type JobQueue, jobRequest, PermanentError, snooze } from '@cgk/jobs'
import { createTestJobs } from '@cgk/jobs-memory/testing'

export interface Payout {
  readonly payoutId: string
  readonly creatorId: string
  readonly amount: number
  readonly currency: string
}

export interface Bank {
  /** Pays once for each key, and answers with the transfer's id. */
  transfer(payout: Payout, idempotencyKey: string): Promise<string>
  statusOf(transferId: string): Promise<'pending' | 'settled' | 'rejected'>
}

const HOUR = 3_600_000

/**
 * A payout and the hourly look at its transfer. The transfer's id is remembered before anything else
 * happens, so that an attempt after a crash goes on with it instead of paying again.
 */
export function payoutJobs(bank: Bank) {
  const check = defineJob({
    name: 'check-transfer',
    handler: async ({ payload }: Job<{ readonly transferId: string }>) => {
      const status = await bank.statusOf(payload.transferId)
      if (status === 'pending') return snooze(HOUR)
      if (status === 'rejected') throw new PermanentError('the bank rejected the transfer')
      return { success: true, data: status }
    },
  })
  const payout = defineJob({
    name: 'payout',
    retry: { maxAttempts: 3, backoff: 'exponential', initialDelay: 10_000 },
    handler: async ({ payload }: Job<Payout>, { once }) => {
      const transferId = await once('transfer', ({ idempotencyKey }) =>
        bank.transfer(payload, idempotencyKey),
      )
      return {
        success: true,
        data: { transferId },
        followUps: [jobRequest(check, { transferId }, { delay: HOUR })],
      }
    },
  })
  return { payout, check }
}

/** The payout's id is the job's: whoever asks again gets the job that is there, also once it ended. */
export async function payOut(
  queue: JobQueue<never>,
  { payout }: ReturnType<typeof payoutJobs>,
  request: Payout,
): Promise<void> {
  await queue.enqueue(payout, request, { jobId: `payout-${request.payoutId}` })
}

export async function story(say: (line: string) => void): Promise<void> {
  let looks = 0
  const jobs = payoutJobs({
    transfer: async ({ amount, currency }) => {
      say(`transferred ${amount / 100} ${currency}`)
      return 'transfer_1'
    },
    statusOf: async () => {
      looks += 1
      say(`looked at the transfer after ${looks} h`)
      return looks < 3 ? 'pending' : 'settled'
    },
  })
  await using shop = createTestJobs({ jobs: Object.values(jobs) })
  const request = { payoutId: '1', creatorId: 'ada', amount: 12_000, currency: 'EUR' }
  await payOut(shop.queue, jobs, request)
  await payOut(shop.queue, jobs, request)
  await shop.advance(4 * HOUR)
  say(`transfer: ${(await shop.enqueued(jobs.check))[0]!.status}`)
}
