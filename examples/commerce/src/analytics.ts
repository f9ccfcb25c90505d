import { defineJob, type Job, type JobQueue, snooze } from '@cgk/jobs'
import { createTestJobs } from '@cgk/jobs-memory/testing'

/** A year of sales, a day at a time. */
export interface Warehouse {
  aggregate(tenantId: string, day: number): Promise<void>
}

const DAYS = 365
/** How much is done between two checkpoints: what a crash may have to be done again. */
const DAYS_PER_PIECE = 28
const FIFTEEN_MINUTES = 15 * 60_000

/**
 * A quarter-hourly figure, and a nightly job that takes long. It notes each day it has done in its
 * headers, which are stored with the outcome of an attempt: one that fails or is put off by a deployment
 * goes on with the very day. A crash has no outcome, so the job gives itself back after each piece, as a
 * checkpoint, which also lets other jobs have a turn.
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
        const first = Number(headers['day'] ?? 0)
        for (let day = first; day < DAYS; day++) {
          if (day === first + DAYS_PER_PIECE) return snooze(0)
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
