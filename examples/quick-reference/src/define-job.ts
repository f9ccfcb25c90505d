import { defineJob } from '@cgk/jobs'

export const syncInventoryJob = defineJob({
  name: 'sync-inventory',
  handler: async (job) => {
    const { productId } = job.payload
    console.log('syncing', productId)
    return { success: true, data: { synced: true } }
  },
  retry: { maxAttempts: 5, backoff: 'exponential', initialDelay: 1000 },
})
