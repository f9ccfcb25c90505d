// Cases that the tables of all stores measure.
import type { Case } from '../scenarios/scenario.ts'

export const DRAIN: Case = { jobs: 300_000, rounds: 1 }
export const LATENCY: Case = { jobs: 1000, everyMilliseconds: 20 }
export const BULK: Case = { jobs: 300_000, seconds: 20, batch: 1000 }
export const SERIAL: Case = { jobs: 100_000, seconds: 10, inFlight: 1 }
export const IN_FLIGHT: Case = { jobs: 1_000_000, seconds: 10, inFlight: 100 }
export const MIXED: Case = { inFlight: 100, seconds: 20, awaits: 'enqueue', mostWaiting: 10_000 }
export const SHUFFLED: Case = { jobs: 1_000_000 }

/** The first 300,000 of so many. */
export function waiting(count: number): Case {
  return { waiting: count, jobs: 300_000 }
}
