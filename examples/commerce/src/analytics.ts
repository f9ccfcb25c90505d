import { defineJob, type Job, type JobQueue } from '@cgk/jobs'
import { createTestJobs } from '@cgk/jobs-memory/testing'

/** A year of sales, a day at a time. */
export interface Warehouse {
  aggregate(tenantId: string, day: number): Promise<void>
}

const DAYS = 365
const FIFTEEN_MINUTES = 15 * 60_000

/**
 * A quarter-hourly figure, and a nightly job that takes long: it notes each day it has done in its
 * headers, so that an attempt after a crash or a deployment goes on where the last was put off.
 */
export function analyticsJobs(warehouse: Warehouse) {
  return {
    live: defineJob({
      name: 'live-figures',
      discard: true,
      handler: async (_job: Job<Record<string, never>>, { tenantId }) => {
        await warehouse.aggregate(tenantId!, 0)
        return { success: true }
      },
    }),
    year: defineJob({
      name: 'year-figures',
      retry: { maxAttempts: 5, initialDelay: 60_000 },
      handler: async (
        _job: Job<Record<string, never>>,
        { tenantId, headers, progress, signal },
      ) => {
        for (let day = Number(headers['day'] ?? 0); day < DAYS; day++) {
          signal.throwIfAborted()
          await warehouse.aggregate(tenantId!, day)
          headers['day'] = String(day + 1)
          progress({ done: day + 1, of: DAYS })
        }
        return { success: true }
      },
    }),
  }
}

export async function scheduleAnalytics(
  queue: JobQueue<never>,
  { live, year }: ReturnType<typeof analyticsJobs>,
): Promise<void> {
  const forEach = 'tenant'
  const payload = {}
  await queue.schedule('live-figures', {
    job: live,
    payload,
    every: FIFTEEN_MINUTES,
    forEach,
    overlap: 'skip',
    catchUp: 'skip',
  })
  // Not on the hour, when everything else begins.
  await queue.schedule('year-figures', {
    job: year,
    payload,
    cron: '17 2 * * *',
    forEach,
    overlap: 'skip',
  })
}

export async function story(say: (line: string) => void): Promise<void> {
  let calls = 0
  const jobs = analyticsJobs({
    async aggregate(_tenantId, day) {
      calls += 1
      if (calls === 200) {
        say(`the warehouse went away at day ${day}`)
        throw new Error('connection lost')
      }
    },
  })
  await using shop = createTestJobs({ jobs: [jobs.year] })
  const job = await shop.queue.enqueue(jobs.year, {}, { tenantId: 'acme' })
  await shop.runUntilIdle()
  say(`to be tried again: ${JSON.stringify((await shop.queue.getJob(job))!.progress)}`)
  await shop.advance(60_000)
  say(`${(await shop.queue.getJob(job))!.status}, ${calls} days computed for a year of 365`)
}
