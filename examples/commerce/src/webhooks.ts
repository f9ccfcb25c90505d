import { defineJob, type Job, type JobQueue, jobRequest } from '@cgk/jobs'
import { createTestJobs } from '@cgk/jobs-memory/testing'

export interface Inbound {
  readonly eventId: string
  readonly topic: string
}

export interface Delivery {
  readonly endpoint: string
  readonly eventId: string
  readonly topic: string
}

export interface Endpoints {
  subscribers(topic: string): Promise<readonly string[]>
  post(delivery: Delivery): Promise<void>
}

const MINUTE = 60_000
const DELAYS = [MINUTE, 5 * MINUTE, 30 * MINUTE, 120 * MINUTE, 1_440 * MINUTE]

/** What comes in goes out to each subscriber, as a job of its own with a day and more of patience. */
export function webhookJobs(endpoints: Endpoints) {
  const deliver = defineJob({
    name: 'deliver',
    concurrencyLimit: 2,
    retry: {
      maxAttempts: 1 + DELAYS.length,
      backoff: (attempt) => DELAYS[attempt - 1]!,
      maxDelay: 1_440 * MINUTE,
    },
    handler: async ({ payload }: Job<Delivery>) => {
      await endpoints.post(payload)
      return { success: true }
    },
  })
  const receive = defineJob({
    name: 'receive',
    handler: async ({ payload }: Job<Inbound>) => {
      const subscribers = await endpoints.subscribers(payload.topic)
      return {
        success: true,
        // A slow endpoint takes two slots of ours at most.
        followUps: subscribers.map((endpoint) =>
          jobRequest(deliver, { endpoint, ...payload }, { concurrencyKey: endpoint }),
        ),
      }
    },
  })
  return { receive, deliver }
}

/** Senders repeat themselves: for a week an event's id stands for its first arrival. */
export async function received(
  queue: JobQueue<never>,
  { receive }: ReturnType<typeof webhookJobs>,
  event: Inbound,
): Promise<void> {
  await queue.enqueue(receive, event, {
    uniqueKey: { key: event.eventId, window: 7 * 1_440 * MINUTE },
  })
}

export async function story(say: (line: string) => void): Promise<void> {
  let attempts = 0
  const jobs = webhookJobs({
    subscribers: async () => ['https://crm.example', 'https://erp.example'],
    async post({ endpoint }) {
      attempts += 1
      if (endpoint.includes('erp') && attempts < 5) {
        say(`${endpoint} is down`)
        throw new Error('503')
      }
      say(`${endpoint} has it`)
    },
  })
  await using shop = createTestJobs({ jobs: Object.values(jobs) })
  await received(shop.queue, jobs, { eventId: 'event_1', topic: 'order.paid' })
  await received(shop.queue, jobs, { eventId: 'event_1', topic: 'order.paid' })
  await shop.advance(1_440 * MINUTE)
}
