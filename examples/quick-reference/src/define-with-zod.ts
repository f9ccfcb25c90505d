import { defineJob } from '@cgk/jobs'
import * as z from 'zod'

export const resizeImageJob = defineJob({
  name: 'resize-image',
  schema: z.object({
    url: z.url(),
    width: z.int().max(4096).default(640),
    takenAt: z.iso.datetime().transform((text) => new Date(text)),
  }),
  handler: async (job) => {
    const { url, width, takenAt } = job.payload // string, number, Date
    console.log('resizing', url, 'of', takenAt.getUTCFullYear(), 'to', width)
    return { success: true, data: { width } }
  },
})
