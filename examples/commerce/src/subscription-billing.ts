import { defineJob, type Job, type JobQueue, jobRequest, withTenant } from '@cgk/jobs'
import { createTestJobs } from '@cgk/jobs-memory/testing'

export interface Charge {
  readonly subscription: string
  readonly date: string
}

export interface Billing {
  /** The subscriptions of a tenant that are to be charged on a day of its calendar. */
  dueOn(tenantId: string, date: string): Promise<readonly string[]>
  charge(charge: Charge, idempotencyKey: string): Promise<void>
}

/**
 * Each morning at six by the tenant's clock, one job looks who is to pay, and each payment is a job of
 * its own, one at a time. The tick says which day is charged: days missed are made up, each as itself.
 */
export function billingJobs(billing: Billing) {
  const charge = defineJob({
    name: 'charge',
    concurrencyLimit: 1,
    handler: async ({ payload }: Job<Charge>, { once }) => {
      await once('charge', ({ idempotencyKey }) => billing.charge(payload, idempotencyKey))
      return { success: true }
    },
  })
  const billDay = defineJob({
    name: 'bill-day',
    handler: async (
      { payload, tickAt, createdAt }: Job<{ readonly timezone: string }>,
      { tenantId },
    ) => {
      const date = dayIn(payload.timezone, tickAt ?? createdAt)
      const due = await billing.dueOn(tenantId!, date)
      return {
        success: true,
        followUps: due.map((subscription) =>
          jobRequest(
            charge,
            { subscription, date },
            { jobId: `billing-${subscription}-${date}`, concurrencyKey: 'billing' },
          ),
        ),
      }
    },
  })
  return { billDay, charge }
}

/** A schedule of the tenant's own, because its mornings are its own. */
export async function scheduleBilling(
  queue: JobQueue<never>,
  { billDay }: ReturnType<typeof billingJobs>,
  tenantId: string,
  timezone: string,
): Promise<void> {
  await withTenant(tenantId, () =>
    queue.schedule('billing', {
      job: billDay,
      payload: { timezone },
      cron: '0 6 * * *',
      timezone,
      catchUp: 'all',
      catchUpLimit: 31,
    }),
  )
}

function dayIn(timezone: string, instant: Date): string {
  // The Swedish way of writing a date is ISO 8601.
  return new Intl.DateTimeFormat('sv-SE', { timeZone: timezone }).format(instant)
}

export async function story(say: (line: string) => void): Promise<void> {
  const jobs = billingJobs({
    dueOn: async (tenantId) => [`${tenantId}-1`, `${tenantId}-2`],
    charge: async ({ subscription, date }) => {
      say(`charged ${subscription} for ${date}`)
    },
  })
  await using shop = createTestJobs({ jobs: Object.values(jobs) })
  await scheduleBilling(shop.queue, jobs, 'acme', 'Asia/Tokyo')
  await scheduleBilling(shop.queue, jobs, 'globex', 'America/Los_Angeles')
  await shop.advance(24 * 3_600_000)
}
