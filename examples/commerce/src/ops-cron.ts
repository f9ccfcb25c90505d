import { defineJob, type Job, type JobQueue } from '@cgk/jobs'
import { createTestJobs } from '@cgk/jobs-memory/testing'

export interface Operations {
  checkHealth(signal: AbortSignal): Promise<void>
  sendDigest(day: Date): Promise<void>
  closeMonth(day: Date): Promise<void>
}

/** What a platform does by the clock. Runs of one check never pile up behind a slow one. */
export function opsJobs(operations: Operations) {
  return {
    health: defineJob({
      name: 'health',
      options: { timeout: 30_000 },
      retry: { maxAttempts: 1 },
      discard: true,
      handler: async (_job: Job<Record<string, never>>, { signal }) => {
        await operations.checkHealth(signal)
        return { success: true }
      },
    }),
    digest: defineJob({
      name: 'digest',
      handler: async ({ tickAt, createdAt }: Job<Record<string, never>>) => {
        await operations.sendDigest(tickAt ?? createdAt)
        return { success: true }
      },
    }),
    monthEnd: defineJob({
      name: 'month-end',
      handler: async ({ tickAt, createdAt }: Job<Record<string, never>>) => {
        await operations.closeMonth(tickAt ?? createdAt)
        return { success: true }
      },
    }),
  }
}

/** Each worker says this when it starts; there is one of each all the same. */
export async function scheduleOps(
  queue: JobQueue<never>,
  { health, digest, monthEnd }: ReturnType<typeof opsJobs>,
): Promise<void> {
  const timezone = 'America/New_York'
  await queue.schedule('health', {
    job: health,
    payload: {},
    every: 60_000,
    overlap: 'skip',
    catchUp: 'skip',
  })
  await queue.schedule('digest', { job: digest, payload: {}, cron: '0 8 * * MON-FRI', timezone })
  await queue.schedule('month-end', {
    job: monthEnd,
    payload: {},
    cron: '0 6 2 * *',
    timezone,
    catchUp: 'all',
  })
}

export async function story(say: (line: string) => void): Promise<void> {
  let checks = 0
  const jobs = opsJobs({
    checkHealth: async () => {
      checks += 1
    },
    sendDigest: async (day) => {
      say(`digest of ${day.toISOString()}`)
    },
    closeMonth: async (day) => {
      say(`month closed at ${day.toISOString()}`)
    },
  })
  await using shop = createTestJobs({ jobs: Object.values(jobs), at: '2026-01-30T12:00:00Z' })
  await scheduleOps(shop.queue, jobs)
  await shop.advanceTo('2026-02-02T12:00:00Z')
  say(`${checks} health checks`)
  const next = await shop.queue.schedules.preview('digest', 2)
  say(`next digests: ${next.map((day) => day.toISOString()).join(', ')}`)
}
