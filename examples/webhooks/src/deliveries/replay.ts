import { fraction, seededSecret, seededUuid } from '../seeded.ts'
import type { Shop, ShopSecret } from '../shops.ts'
import type { CataloguePayload } from './catalogue.ts'
import type { Delivery } from './delivery.ts'
import { sign } from './signature.ts'

/** A delivery on its way to a shop. */
export interface ShopDelivery {
  readonly shop: string
  readonly delivery: Delivery
  readonly wronglySigned: boolean
}

/** What decides a replay. */
export interface ReplayOptions {
  readonly seed: number
  readonly shops: readonly Shop[]
  readonly secrets: readonly ShopSecret[]
  readonly catalogue: readonly CataloguePayload[]
  /** About so many deliveries in place of all; each shop keeps its share. */
  readonly limit?: number | undefined
}

const WRONGLY_SIGNED = 0.03
const SENT_AGAIN = 0.05

/**
 * Replays the catalogue for each shop, all shops at once, then sends some of it once more, as
 * senders do that missed the answer.
 */
export function replay(options: ReplayOptions): ShopDelivery[] {
  const { seed } = options
  const sent = shuffle(
    options.shops.flatMap((shop) => replayForShop(shop, options)),
    ({ delivery }) => fraction(seed, ['arrival', delivery.deliveryId]),
  )
  const again = sent.filter(
    ({ delivery }) => fraction(seed, ['sent again', delivery.deliveryId]) < SENT_AGAIN,
  )
  return [...sent, ...again]
}

function replayForShop(shop: Shop, options: ReplayOptions): ShopDelivery[] {
  const { seed } = options
  const secret = options.secrets.find(({ slug }) => slug === shop.slug)?.secret
  if (secret === undefined) throw new Error(`No secret for ${shop.slug}`)
  return payloadsFor(shop, options).map(({ event, body }, index) => {
    const deliveryId = seededUuid(seed, ['delivery', shop.slug, index])
    const wronglySigned = fraction(seed, ['wrongly signed', deliveryId]) < WRONGLY_SIGNED
    const signature = sign(body, wronglySigned ? seededSecret(seed, ['a stranger']) : secret)
    return { shop: shop.slug, delivery: { deliveryId, event, signature, body }, wronglySigned }
  })
}

/** The whole catalogue in the shop's own order, then again from the start, up to the shop's traffic. */
function payloadsFor(
  shop: Shop,
  { seed, shops, catalogue, limit }: ReplayOptions,
): CataloguePayload[] {
  const ordered = shuffle(catalogue, (_, index) => fraction(seed, ['order', shop.slug, index]))
  const total = shops.reduce((sum, { traffic }) => sum + traffic, 0)
  const wanted =
    limit === undefined ? ordered.length * shop.traffic : (limit * shop.traffic) / total
  const rounds = Math.ceil(wanted / ordered.length)
  return Array.from({ length: rounds }, () => ordered)
    .flat()
    .slice(0, Math.ceil(wanted))
}

/** The items in the order of their ranks. */
function shuffle<T>(items: readonly T[], rank: (item: T, index: number) => number): T[] {
  return items
    .map((item, index) => ({ item, rank: rank(item, index) }))
    .toSorted((a, b) => a.rank - b.rank)
    .map(({ item }) => item)
}
