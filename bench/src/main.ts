import { parseCommandLine } from './command-line.ts'
import { compare } from './compare.ts'
import { describeEnvironment } from './environment.ts'
import { profileFile, summarizeProfile } from './profiles.ts'
import { createReport } from './report.ts'

const { scenarios, systems, sizes, runs, timeoutMs, json, profile } = parseCommandLine()
const report = createReport(json)
const profiles: string[] = []

report.begin(describeEnvironment(systems))
for (const scenario of scenarios) {
  const suited = systems.filter((system) => scenario.suits?.(system) ?? true)
  for (const system of systems) {
    if (!suited.includes(system)) report.note(`${system.name} has nothing for ${scenario.name}`)
  }
  for (const settings of scenario.cases(sizes)) {
    const results = await compare(scenario, settings, suited, {
      runs,
      timeoutMs,
      onRun: (order, run) => {
        report.progress(
          `${order.scenario} ${JSON.stringify(order.settings)} ${order.system} ${run + 1}/${runs}`,
        )
      },
      onFailure: (error) => {
        process.exitCode = 1
        report.note(error instanceof Error ? error.message : String(error))
      },
      ...(profile !== undefined && {
        profileOf: (order, run) => {
          const file = profileFile(profile, order, run)
          profiles.push(file)
          return file
        },
      }),
    })
    report.add(results)
  }
}
for (const file of profiles) report.note(summarizeProfile(file))
