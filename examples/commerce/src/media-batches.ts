import { defineJob, type Job, type JobQueue, jobRequest, snooze } from '@cgk/jobs'
import { createTestJobs } from '@cgk/jobs-memory/testing'

export interface Image {
  readonly productId: string
}

/** A service that takes its time and says when it is done. */
export interface Studio {
  begin(image: Image, idempotencyKey: string): Promise<string>
  isDone(renderId: string): Promise<boolean>
  publish(renderId: string): Promise<void>
}

const CHECK_EVERY_MS = 5 * 60_000

/**
 * Fifty images of a campaign, each a job that asks the studio once and then looks in now and then: it
 * holds no worker while it waits. One job publishes when all are there.
 */
export function mediaJobs(studio: Studio) {
  const publish = defineJob({
    name: 'publish-campaign',
    handler: async (_job: Job<{ readonly campaign: string }>, { members }) => {
      let published = 0
      for await (const { result } of members()) {
        await studio.publish((result as { readonly renderId: string }).renderId)
        published += 1
      }
      return { success: true, data: { published } }
    },
  })
  const render = defineJob({
    name: 'render',
    handler: async ({ payload }: Job<Image>, { once }) => {
      const renderId = await once('begin', ({ idempotencyKey }) =>
        studio.begin(payload, idempotencyKey),
      )
      if (!(await studio.isDone(renderId))) return snooze(CHECK_EVERY_MS)
      return { success: true, data: { renderId } }
    },
  })
  return { render, publish }
}

export async function renderCampaign(
  queue: JobQueue<never>,
  { render, publish }: ReturnType<typeof mediaJobs>,
  campaign: string,
  images: readonly Image[],
): Promise<void> {
  await queue.enqueueGroup(
    images.map((image) => jobRequest(render, image)),
    {
      groupId: `campaign/${campaign}`,
      onComplete: jobRequest(publish, { campaign }),
      onAnyFailed: 'nothing',
    },
  )
}

export async function story(say: (line: string) => void): Promise<void> {
  let looks = 0
  const jobs = mediaJobs({
    begin: async ({ productId }) => `render-${productId}`,
    async isDone() {
      looks += 1
      return looks > 100
    },
    publish: async () => {},
  })
  await using shop = createTestJobs({ jobs: Object.values(jobs) })
  const images = Array.from({ length: 50 }, (_, index) => ({ productId: `${index}` }))
  await renderCampaign(shop.queue, jobs, 'spring', images)
  await shop.advance(30 * 60_000)
  const published = await shop.expectEnqueued(jobs.publish, { campaign: 'spring' })
  say(`${published.result!.published} images published after ${looks} looks at the studio`)
}
