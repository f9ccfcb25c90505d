import {
  defineJob,
  jobRequest,
  PermanentError,
  type JobDefinition,
  type JobRequest,
} from '@cgk/jobs'
import * as v from 'valibot'
import { Delivery } from '../deliveries/delivery.ts'
import { isSignedBy } from '../deliveries/signature.ts'
import type { ShopSecret } from '../shops.ts'
import type { ActionJob, ActionPayload } from './action-job.ts'
import { actionsFor, type ActionName } from './routes.ts'

export const RECEIVE_DELIVERY = 'receive-delivery'

/** The stored code of a delivery that its shop's secret did not sign. */
export const WRONG_SIGNATURE = 'WRONG_SIGNATURE'

/** What a delivery that completed claims: these jobs follow from it. */
export const ReceiveResult = v.object({ followUpIds: v.array(v.string()) })

type ReceiveResult = v.InferOutput<typeof ReceiveResult>

/** What the example reads of a body, once its signature has been verified. */
const Body = v.object({
  repository: v.nullish(v.object({ full_name: v.string() })),
  sender: v.nullish(v.object({ login: v.string() })),
})

/** Verifies a delivery and fans it out: its outcome and its follow-ups are stored together or not at all. */
export function defineReceiveDeliveryJob(options: {
  readonly secrets: readonly ShopSecret[]
  readonly actions: ReadonlyMap<ActionName, ActionJob>
}): JobDefinition<Delivery, ReceiveResult, Delivery, typeof RECEIVE_DELIVERY> {
  const secrets = new Map(options.secrets.map(({ slug, secret }) => [slug, secret]))

  return defineJob({
    name: RECEIVE_DELIVERY,
    schema: Delivery,
    handler: (job, { tenantId }) => {
      const delivery = job.payload
      const secret = secrets.get(tenantId ?? '')
      if (secret === undefined || !isSignedBy(secret, delivery.body, delivery.signature)) {
        throw new PermanentError('The signature is not the shop’s', { code: WRONG_SIGNATURE })
      }
      const followUps = followUpsOf(delivery, options.actions)
      const followUpIds = followUps.map(({ id }) => id)
      return { success: true, data: { followUpIds }, followUps: followUps.map((f) => f.request) }
    },
  })
}

interface FollowUp {
  readonly id: string
  readonly request: JobRequest
}

function followUpsOf(
  delivery: Delivery,
  actions: ReadonlyMap<ActionName, ActionJob>,
): readonly FollowUp[] {
  const payload = summarise(delivery)
  return actionsFor(delivery.event).map((name) => {
    const action = actions.get(name)
    if (action === undefined) throw new PermanentError(`There is no job for ${name}`)
    const id = `${delivery.deliveryId}-${name}`
    return { id, request: jobRequest(action, payload, { jobId: id }) }
  })
}

function summarise({ deliveryId, event, body }: Delivery): ActionPayload {
  const { repository, sender } = v.parse(Body, JSON.parse(body))
  return {
    deliveryId,
    event,
    repository: repository?.full_name ?? null,
    sender: sender?.login ?? null,
  }
}
