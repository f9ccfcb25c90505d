import { actionsFor } from '../jobs/routes.ts'
import type { SentDelivery } from '../run/run.ts'
import { shops } from '../shops.ts'

/**
 * How many jobs each tenant will have had when all that was sent is done: its different deliveries,
 * and what follows from those that are signed by the shop. Only the bars rely on it.
 */
export function expectedJobs(sent: readonly SentDelivery[]): ReadonlyMap<string, number> {
  const different = new Map(sent.map((delivery) => [delivery.deliveryId, delivery]))
  const totals = new Map(shops.map(({ slug }) => [slug, 0]))
  for (const { tenantId, event, wronglySigned } of different.values()) {
    const followUps = wronglySigned ? 0 : actionsFor(event).length
    totals.set(tenantId, (totals.get(tenantId) ?? 0) + 1 + followUps)
  }
  return totals
}
