// The child process of one measured run: told what to do by its argument, it sends what it measured.
import { findScenario } from './scenarios/scenarios.ts'
import type { RunAnswer, RunOrder } from './fork-run.ts'
import { DATABASE_PREFIX_VARIABLE, databasesCreated } from './servers/postgres-database.ts'
import { dropDatabases } from './servers/postgres-server.ts'
import { profiling, time } from './stopwatch.ts'
import { findSystem } from './systems/systems.ts'

// Nobody is left to take the result when the parent is gone, or to see to what is left behind.
process.once('disconnect', () => {
  const cleanUp = async (): Promise<void> => {
    await databasesCreated()
    await dropDatabases(process.env[DATABASE_PREFIX_VARIABLE] ?? '')
  }
  void cleanUp().finally(() => process.exit(1))
})

const order = JSON.parse(process.argv[2] ?? '') as RunOrder
const answer = await run(order)
// A system that left a timer or a socket behind must not keep the next run waiting.
process.send?.(answer, () => process.exit('failure' in answer ? 1 : 0))

async function run({ scenario, system, settings, profile }: RunOrder): Promise<RunAnswer> {
  try {
    const stopwatch = profile === undefined ? time : profiling(profile)
    const measurements = await findScenario(scenario).run(findSystem(system), settings, stopwatch)
    return { measurements }
  } catch (error) {
    return { failure: error instanceof Error ? (error.stack ?? error.message) : String(error) }
  }
}
