import { defineJob, type Job, type JobQueue } from '@cgk/jobs'
import { createTestJobs } from '@cgk/jobs-memory/testing'

export interface Reminder {
  readonly cartId: string
  readonly step: number
}

export interface Carts {
  isBought(cartId: string): Promise<boolean>
  remind(reminder: Reminder): Promise<void>
}

const HOUR = 3_600_000
const STEPS_AFTER = [HOUR, 24 * HOUR, 72 * HOUR]

/** A reminder looks again before it speaks: a purchase may have come a moment ago. */
export function reminderJob(carts: Carts) {
  return defineJob({
    name: 'cart-reminder',
    handler: async ({ payload }: Job<Reminder>) => {
      if (await carts.isBought(payload.cartId)) return { success: true, data: 'bought' }
      await carts.remind(payload)
      return { success: true, data: 'reminded' }
    },
  })
}

/** Three reminders, each a job that waits for its day under a key that begins with the cart's. */
export async function cartAbandoned(
  queue: JobQueue<never>,
  job: ReturnType<typeof reminderJob>,
  cartId: string,
): Promise<void> {
  await queue.enqueueMany(
    STEPS_AFTER.map((delay, step) => ({
      job,
      payload: { cartId, step },
      options: { delay, uniqueKey: `cart/${cartId}/${step}` },
    })),
  )
}

/** A reply or a purchase ends the sequence in one call. */
export async function cartClosed(queue: JobQueue<never>, cartId: string): Promise<void> {
  await queue.cancelJobs({ keyPrefix: `cart/${cartId}/` })
}

export async function story(say: (line: string) => void): Promise<void> {
  const job = reminderJob({
    isBought: async () => false,
    remind: async ({ cartId, step }) => {
      say(`${cartId}: reminder ${step + 1}`)
    },
  })
  await using shop = createTestJobs({ jobs: [job] })
  await cartAbandoned(shop.queue, job, 'cart_1')
  await cartAbandoned(shop.queue, job, 'cart_2')
  await shop.advance(2 * HOUR)
  await cartClosed(shop.queue, 'cart_1')
  say('cart_1: bought, the rest is cancelled')
  await shop.advance(72 * HOUR)
}
