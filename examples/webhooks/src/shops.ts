import { seededSecret } from './seeded.ts'

/** What a shop pays for: its share of the worker's starts while others have jobs waiting too. */
export type Plan = 'basic' | 'plus' | 'pro'

/** A tenant of the example. */
export interface Shop {
  readonly slug: string
  readonly plan: Plan
  /** How many deliveries reach it for each payload of the catalogue. */
  readonly traffic: number
}

/** A shop and the secret that signs its deliveries. */
export interface ShopSecret {
  readonly slug: string
  readonly secret: string
}

/** The weight of each plan. */
export const weights: Readonly<Record<Plan, number>> = { basic: 1, plus: 2, pro: 5 }

const QUIET = 0.08
const NOISY = 100 * QUIET

/** The one with all the load. */
export const noisyShop = 'rawdog'

/** Twelve shops. The first has a hundred times the load of each other. */
export const shops: readonly Shop[] = [
  { slug: noisyShop, plan: 'plus', traffic: NOISY },
  { slug: 'meliusly', plan: 'pro', traffic: QUIET },
  { slug: 'vitahustle', plan: 'pro', traffic: QUIET },
  { slug: 'cgk-linens', plan: 'plus', traffic: QUIET },
  { slug: 'harbor-candle', plan: 'plus', traffic: QUIET },
  { slug: 'northpaw', plan: 'plus', traffic: QUIET },
  { slug: 'brightroot-tea', plan: 'basic', traffic: QUIET },
  { slug: 'solstice-yoga', plan: 'basic', traffic: QUIET },
  { slug: 'moss-and-stone', plan: 'basic', traffic: QUIET },
  { slug: 'pinecrest', plan: 'basic', traffic: QUIET },
  { slug: 'tinyhands-toys', plan: 'basic', traffic: QUIET },
  { slug: 'lumen-lamps', plan: 'basic', traffic: QUIET },
]

/** Suspended when the run starts, and active again once half of it is done. */
export const suspendedShop = 'lumen-lamps'

/** The shops' secrets: another seed, other secrets. */
export function shopSecrets(seed: number): readonly ShopSecret[] {
  return shops.map(({ slug }) => ({ slug, secret: seededSecret(seed, ['secret', slug]) }))
}
