import { defineJob } from '@cgk/jobs'
import * as v from 'valibot'

export const sendReceiptJob = defineJob({
  name: 'send-receipt',
  schema: v.object({
    orderId: v.pipe(v.string(), v.startsWith('order_')),
    locale: v.optional(v.picklist(['en', 'de']), 'en'),
  }),
  handler: async (job) => {
    const { orderId, locale } = job.payload // string, 'en' | 'de'
    console.log('sending the receipt of', orderId, 'in', locale)
    return { success: true, data: { sentTo: locale } }
  },
})
