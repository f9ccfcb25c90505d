import { rename, writeFile } from 'node:fs/promises'
import type { Run } from '../run/run.ts'
import { noisyShop, shops, suspendedShop, weights } from '../shops.ts'

/** What the action jobs of a shop share: its account with the outside API. */
export const OUTSIDE_API = 'outside-api'

/** How often the outside API may be called for one shop. */
export const apiRate = { limit: 1000, period: 1000, burst: 100 }

/** When the outside API is left alone for a moment: a machine under load makes calls look slow. */
const breaker = { failures: 10, cooldown: 2000 }

/** What a run says of its directory of tenants. */
type DirectoryOfRun = Pick<Run, 'directoryFile' | 'noisyStore'>

/**
 * Writes the directory of tenants that the worker follows: weights, limits, who is suspended and who has a
 * store of its own. The file is replaced whole, so that nobody reads half of it.
 */
export async function writeDirectory(
  { directoryFile, noisyStore }: DirectoryOfRun,
  suspended: readonly string[],
): Promise<void> {
  const tenants = shops.map(({ slug, plan }) => ({
    id: slug,
    status: suspended.includes(slug) ? 'suspended' : 'active',
    weight: weights[plan],
    ...(slug === noisyShop && noisyStore !== undefined && { store: noisyStore }),
    limiters: { [OUTSIDE_API]: { rate: apiRate, breaker } },
  }))
  const draft = `${directoryFile}.new`
  await writeFile(draft, `${JSON.stringify(tenants, null, 2)}\n`)
  await rename(draft, directoryFile)
}

/** The directory at the start of a run. */
export function writeFirstDirectory(run: DirectoryOfRun): Promise<void> {
  return writeDirectory(run, [suspendedShop])
}
