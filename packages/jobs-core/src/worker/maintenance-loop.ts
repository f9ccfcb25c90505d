import type { JobsLogger, Timers } from '../runtime/ports.ts'
import { SupervisedLoop } from './supervised-loop.ts'

/** What one piece of upkeep did; see `LeaseStore.maintain`. */
export interface MaintenanceResult {
  readonly reclaimed: number
  readonly pruned: number
  readonly nextInMs: number | null
}

/** Jobs touched per call: a piece of upkeep must not stand in the way of claims. */
export const MAINTENANCE_LIMIT = 1_000

// Another process may claim and vanish at any time. Its leases last at least a second, so looking
// this often finds each of them before it expires and returns in time for it.
const LONGEST_WAIT_MS = 1_000
const SHORTEST_WAIT_MS = 20

/** Runs a store's upkeep while anybody processes jobs of it. */
export function maintenanceLoop(
  maintain: () => Promise<MaintenanceResult>,
  timers: Timers,
  logger: JobsLogger,
): SupervisedLoop {
  const round = async (): Promise<number> => {
    const { reclaimed, pruned, nextInMs } = await maintain()
    if (nextInMs === 0 && reclaimed + pruned >= MAINTENANCE_LIMIT) return 0
    return Math.max(SHORTEST_WAIT_MS, Math.min(nextInMs ?? Infinity, LONGEST_WAIT_MS))
  }
  return new SupervisedLoop({ name: 'upkeep of the store', round }, timers, logger)
}
