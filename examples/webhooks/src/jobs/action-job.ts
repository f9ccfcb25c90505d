import { defineJob, PermanentError, type JobDefinition } from '@cgk/jobs'
import * as v from 'valibot'
import type { OutsideApiClient } from '../outside-api/outside-api-client.ts'
import { OUTSIDE_API } from '../tenants/directory-file.ts'
import { actionNames, type ActionName } from './routes.ts'

/** What an action needs to know of the delivery it follows from. */
const ActionPayload = v.object({
  deliveryId: v.string(),
  event: v.string(),
  repository: v.nullable(v.string()),
  sender: v.nullable(v.string()),
})

export type ActionPayload = v.InferOutput<typeof ActionPayload>

/** What an action that completed claims: the outside API did this. */
export const ActionResult = v.object({ effectId: v.string() })

type ActionResult = v.InferOutput<typeof ActionResult>

export type ActionJob = JobDefinition<ActionPayload, ActionResult, ActionPayload, ActionName>

/** One job per action, by name. */
export function defineActionJobs(api: OutsideApiClient): ReadonlyMap<ActionName, ActionJob> {
  return new Map(actionNames.map((name) => [name, defineActionJob(name, api)]))
}

function defineActionJob(name: ActionName, api: OutsideApiClient): ActionJob {
  return defineJob({
    name,
    schema: ActionPayload,
    retry: { maxAttempts: 4, backoff: 'exponential', initialDelay: 150, maxDelay: 1000 },
    options: {
      timeout: 800,
      priority: name === 'raise-alert' ? 10 : 0,
      limiter: OUTSIDE_API,
    },
    handler: async (job, { signal, tenantId }) => {
      if (tenantId === undefined) throw new PermanentError('An action belongs to a shop')
      const call = { tenantId, action: name, jobId: job.id, body: job.payload }
      return { success: true, data: await api.perform(call, signal) }
    },
  })
}
