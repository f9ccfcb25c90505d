import { seededSecret } from './seeded.ts'

/** A tenant of the example. */
export interface Shop {
  readonly slug: string
  /** How many deliveries reach it for each payload of the catalogue. */
  readonly traffic: number
}

/** A shop and the secret that signs its deliveries. */
export interface ShopSecret {
  readonly slug: string
  readonly secret: string
}

/** Twelve shops, the busiest first. */
export const shops: readonly Shop[] = [
  { slug: 'rawdog', traffic: 1.7 },
  { slug: 'meliusly', traffic: 1.4 },
  { slug: 'vitahustle', traffic: 1.2 },
  { slug: 'cgk-linens', traffic: 1.1 },
  { slug: 'harbor-candle', traffic: 1 },
  { slug: 'northpaw', traffic: 1 },
  { slug: 'brightroot-tea', traffic: 1 },
  { slug: 'solstice-yoga', traffic: 1 },
  { slug: 'moss-and-stone', traffic: 1 },
  { slug: 'pinecrest', traffic: 1 },
  { slug: 'tinyhands-toys', traffic: 1 },
  { slug: 'lumen-lamps', traffic: 1 },
]

/** The shops' secrets: another seed, other secrets. */
export function shopSecrets(seed: number): readonly ShopSecret[] {
  return shops.map(({ slug }) => ({ slug, secret: seededSecret(seed, ['secret', slug]) }))
}
