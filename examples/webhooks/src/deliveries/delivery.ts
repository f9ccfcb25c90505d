import * as v from 'valibot'

/** A webhook delivery as it reaches a shop: what the sender put in headers and body. */
export const Delivery = v.object({
  /** `X-GitHub-Delivery` */
  deliveryId: v.pipe(v.string(), v.uuid()),
  /** `X-GitHub-Event` */
  event: v.pipe(v.string(), v.nonEmpty()),
  /** `X-Hub-Signature-256` */
  signature: v.pipe(v.string(), v.startsWith('sha256=')),
  /** The bytes that were signed; parsed only once the signature has been verified. */
  body: v.string(),
})

export type Delivery = v.InferOutput<typeof Delivery>
