import { defineJob, type Job, snooze } from '@cgk/jobs'
import { createTestJobs } from '@cgk/jobs-memory/testing'

export interface Sms {
  readonly to: string
  readonly text: string
}

export interface SmsGateway {
  timezoneOf(tenantId: string): string
  send(sms: Sms, idempotencyKey: string): Promise<void>
}

const QUARTER = 15 * 60_000

/** Nobody is texted between nine in the evening and nine in the morning, by the tenant's clock. */
export function smsJob(gateway: SmsGateway) {
  return defineJob({
    name: 'sms',
    concurrencyLimit: 1,
    handler: async ({ payload, startedAt }: Job<Sms>, { tenantId, once }) => {
      const wait = untilMorning(startedAt!.getTime(), gateway.timezoneOf(tenantId!))
      if (wait > 0) return snooze(wait)
      await once('send', ({ idempotencyKey }) => gateway.send(payload, idempotencyKey))
      return { success: true }
    },
  })
}

/** Milliseconds until the quiet hours end; 0 outside them. Looks at each quarter, so clock changes count. */
function untilMorning(now: number, timezone: string): number {
  const hour = new Intl.DateTimeFormat('en-GB', { hour: 'numeric', timeZone: timezone })
  let at = now
  while (isQuiet(Number(hour.format(at)))) at = (Math.floor(at / QUARTER) + 1) * QUARTER
  return at - now
}

function isQuiet(hour: number): boolean {
  return hour >= 21 || hour < 9
}

export async function story(say: (line: string) => void): Promise<void> {
  const zones: Readonly<Record<string, string>> = {
    acme: 'Europe/Berlin',
    globex: 'America/Chicago',
  }
  const job = smsJob({
    timezoneOf: (tenantId) => zones[tenantId]!,
    send: async ({ to }) => {
      say(`texted ${to} at ${new Date(shop.now()).toISOString()}`)
    },
  })
  await using shop = createTestJobs({ jobs: [job], at: '2026-01-05T22:00:00Z' })
  for (const tenantId of Object.keys(zones)) {
    const options = { tenantId, concurrencyKey: 'gateway' }
    await shop.queue.enqueue(job, { to: `a customer of ${tenantId}`, text: 'shipped' }, options)
  }
  await shop.advance(24 * 3_600_000)
}
