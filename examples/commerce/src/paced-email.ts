import { defineJob, type Job, type JobQueue, snooze } from '@cgk/jobs'
import { createTestJobs } from '@cgk/jobs-memory/testing'

export interface Email {
  readonly orderId: string
  readonly sequence: string
  readonly to: string
}

/** The provider of e-mail, which takes two batches a second. */
export interface Mailer {
  send(batch: readonly Email[], idempotencyKey: string): Promise<void>
}

const PACE_MS = 500
const BATCH = 50

/**
 * Batches of fifty, one at a time per provider account and half a second apart: each batch of a mailing
 * is a pass of one job, which remembers what it has sent. Rate limits across jobs are a store's matter;
 * within one job the pace is a snooze.
 */
export function mailingJob(mailer: Mailer) {
  return defineJob({
    name: 'mailing',
    concurrencyLimit: 1,
    handler: async ({ payload }: Job<{ readonly emails: readonly Email[] }>, { headers, once }) => {
      const from = Number(headers['sent'] ?? 0)
      const batch = payload.emails.slice(from, from + BATCH)
      await once(`batch/${from}`, ({ idempotencyKey }) => mailer.send(batch, idempotencyKey))
      const sent = from + batch.length
      if (sent >= payload.emails.length) return { success: true, data: { sent } }
      headers['sent'] = String(sent)
      return snooze(PACE_MS)
    },
  })
}

/** One mailing per order and step of a sequence, however often it is asked for within a day. */
export async function sendMailing(
  queue: JobQueue<never>,
  job: ReturnType<typeof mailingJob>,
  emails: readonly [Email, ...Email[]],
): Promise<void> {
  const [{ orderId, sequence }] = emails
  await queue.enqueue(
    job,
    { emails },
    {
      concurrencyKey: 'provider',
      uniqueKey: { key: `${orderId}/${sequence}`, window: 24 * 3_600_000 },
    },
  )
}

export async function story(say: (line: string) => void): Promise<void> {
  const job = mailingJob({
    send: async (batch) => {
      say(`sent ${batch.length} to ${batch[0]!.to} and on`)
    },
  })
  await using shop = createTestJobs({ jobs: [job] })
  const email = (index: number): Email => ({
    orderId: 'order_1',
    sequence: 'thanks',
    to: `customer-${index}@example.com`,
  })
  const rest = Array.from({ length: 119 }, (_, index) => email(index + 1))
  await sendMailing(shop.queue, job, [email(0), ...rest])
  await sendMailing(shop.queue, job, [email(0), ...rest])
  await shop.advance(5_000)
  say(`asked for twice, mailed ${(await shop.enqueued(job)).length} time`)
}
