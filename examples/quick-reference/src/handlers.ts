import type { JobHandler } from '@cgk/jobs'

export const sendEmail: JobHandler = async (job) => {
  const { to, template } = job.payload
  console.log('sending', template, 'to', to)
  return { success: true }
}

export const processOrder: JobHandler = async (job, { tenantId }) => {
  const { orderId } = job.payload
  console.log('processing', orderId, 'of', tenantId)
  return { success: true }
}
