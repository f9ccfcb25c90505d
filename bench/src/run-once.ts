// The child process of one measured run: told what to do by its argument, it sends what it measured.
import { findScenario } from './scenarios/scenarios.ts'
import type { RunOrder } from './fork-run.ts'
import { profiling, time } from './stopwatch.ts'
import { findSystem } from './systems/systems.ts'

// Nobody is left to take the result when the parent is gone.
process.once('disconnect', () => process.exit(1))

const order = JSON.parse(process.argv[2] ?? '') as RunOrder
const measurements = await findScenario(order.scenario).run(
  findSystem(order.system),
  order.settings,
  order.profile === undefined ? time : profiling(order.profile),
)
// A system that left a timer or a socket behind must not keep the next run waiting.
process.send?.(measurements, () => process.exit())
