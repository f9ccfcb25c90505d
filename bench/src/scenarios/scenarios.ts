import { backlog } from './backlog.ts'
import { bulk } from './bulk.ts'
import { claims } from './claims.ts'
import { drain } from './drain.ts'
import { enqueue } from './enqueue.ts'
import { fleet } from './fleet.ts'
import { horizon } from './horizon.ts'
import { latency } from './latency.ts'
import { memory } from './memory.ts'
import { mixed } from './mixed.ts'
import { rss } from './rss.ts'
import type { Scenario } from './scenario.ts'
import { store } from './store.ts'
import { tenants } from './tenants.ts'
import { wal } from './wal.ts'

/** In the order in which `all` runs them. */
export const scenarios: readonly Scenario[] = [
  enqueue,
  bulk,
  drain,
  mixed,
  latency,
  backlog,
  horizon,
  tenants,
  wal,
  fleet,
  rss,
  memory,
  store,
  claims,
]

/** @throws Error when there is none of that name. */
export function findScenario(name: string): Scenario {
  const found = scenarios.find((scenario) => scenario.name === name)
  if (found !== undefined) return found
  const names = scenarios.map((scenario) => scenario.name).join(', ')
  throw new Error(`there is no scenario "${name}": choose from ${names}, or all`)
}
