import { expect, test } from 'vitest'
import { loadCatalogue } from '../../src/deliveries/catalogue.ts'
import { replay, type ShopDelivery } from '../../src/deliveries/replay.ts'
import { isSignedBy } from '../../src/deliveries/signature.ts'
import { shops, shopSecrets } from '../../src/shops.ts'

const secrets = shopSecrets(1)
const catalogue = loadCatalogue()
const sent = replay({ seed: 1, shops, secrets, catalogue })

test('the same seed sends the same deliveries, another seed other ones', () => {
  const few = { shops, secrets, catalogue, limit: 50 }
  expect(replay({ ...few, seed: 1 })).toEqual(replay({ ...few, seed: 1 }))
  expect(ids(replay({ ...few, seed: 2 }))).not.toEqual(ids(replay({ ...few, seed: 1 })))
})

test('one shop receives every payload of the catalogue, and a hundred times what each other does', () => {
  const [noisy, ...quiet] = shops.map(({ slug }) => sent.filter(({ shop }) => shop === slug))
  const bodies = (deliveries: readonly ShopDelivery[]): Set<string> =>
    new Set(deliveries.map(({ delivery }) => delivery.body))
  expect(bodies(noisy!)).toEqual(new Set(catalogue.map(({ body }) => body)))
  const different = (deliveries: readonly ShopDelivery[]): number => new Set(ids(deliveries)).size
  for (const deliveries of quiet) {
    expect(different(noisy!) / different(deliveries)).toBeCloseTo(100, -1)
  }
})

test('exactly the deliveries marked as wrongly signed fail the check with the shop’s secret', () => {
  const refused = sent.filter(({ shop, delivery }) => {
    const secret = secrets.find(({ slug }) => slug === shop)?.secret ?? ''
    return !isSignedBy(secret, delivery.body, delivery.signature)
  })
  expect(refused).toEqual(sent.filter(({ wronglySigned }) => wronglySigned))
  expect(refused.length).toBeGreaterThan(0)
  expect(refused.length).toBeLessThan(sent.length * 0.1)
})

test('what is sent again is byte for byte what was sent before', () => {
  const first = new Map<string, ShopDelivery>()
  const repeats = sent.filter((delivery) => {
    const known = first.get(delivery.delivery.deliveryId)
    if (known === undefined) first.set(delivery.delivery.deliveryId, delivery)
    else expect(delivery).toEqual(known)
    return known !== undefined
  })
  expect(repeats.length).toBeGreaterThan(0)
})

test('a limit keeps a share for every shop', () => {
  const few = replay({ seed: 1, shops, secrets, catalogue, limit: 24 })
  expect(new Set(few.map(({ shop }) => shop)).size).toBe(shops.length)
  expect(new Set(ids(few)).size).toBeLessThan(24 + shops.length)
})

function ids(deliveries: readonly ShopDelivery[]): string[] {
  return deliveries.map(({ delivery }) => delivery.deliveryId)
}
