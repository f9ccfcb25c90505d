import { setTimeout } from 'node:timers/promises'
import { drawnTenants } from '../drawn-tenants.ts'
import { FleetMember, type FleetTally } from '../fleet/fleet-member.ts'
import { costOfEach, measure } from '../measure.ts'
import type { OpenQueue, System } from '../systems/system.ts'
import { fill } from './drain-queue.ts'
import { type Case, given, type Scenario } from './scenario.ts'

const DEFAULT_SECONDS = 20
const PROCESSES = 8
const SLOTS = 10
const HANDLER_MS = 20
const TENANTS = 50

/** So many times the jobs that could be done: before and after those that count, too, some must wait. */
const SURPLUS = 1.25

/** Before anything counts, every worker shall have found its pace. */
const RUN_UP_PART = 0.1

export const fleet: Scenario = {
  name: 'fleet',
  summary: '8 worker processes of 10 slots each, jobs of 20 ms of 50 tenants',
  suits: ({ server, drains }) => server !== undefined && drains,
  cases: (sizes) => [
    {
      processes: PROCESSES,
      slots: SLOTS,
      handlerMilliseconds: HANDLER_MS,
      tenants: TENANTS,
      seconds: sizes.seconds ?? DEFAULT_SECONDS,
    },
  ],
  async run(system, settings, stopwatch) {
    const seconds = given(settings, 'seconds')
    const possible = possiblePerSecond(settings)
    const jobs = Math.ceil(possible * seconds * SURPLUS)
    await using queue = await system.open({ tenantOf: drawnTenants(given(settings, 'tenants')) })
    await fill(queue, jobs)
    await queue.server?.settle()
    await using workers = new AsyncDisposableStack()
    const members = await startMembers(system, queue, settings)
    for (const member of members) workers.use(member)

    const lengthMs = seconds * 1000
    await setTimeout(lengthMs * RUN_UP_PART)
    const before = await tallyOf(members)
    const cost = await measure(queue.server, stopwatch, () => setTimeout(lengthMs))
    const after = await tallyOf(members)

    let { done } = after
    while (done < jobs) ({ done } = await tallyOf(members))
    await queue.idle()
    if (done !== jobs) throw new Error(`${done} handlers returned for ${jobs} jobs`)

    const counted = after.done - before.done
    const jobsPerSecond = (counted / cost.elapsedMs) * 1000
    return [
      { metric: 'jobsPerSecond', value: jobsPerSecond },
      { metric: 'partOfPossible', value: jobsPerSecond / possible },
      ...costOfEach(counted, { ...cost, cpuMs: after.cpuMs - before.cpuMs }),
    ]
  },
}

/** What the workers would do if nothing but their handlers took time. */
function possiblePerSecond(settings: Case): number {
  const slots = given(settings, 'processes') * given(settings, 'slots')
  return (slots * 1000) / given(settings, 'handlerMilliseconds')
}

async function startMembers(
  system: System,
  { address }: OpenQueue,
  settings: Case,
): Promise<readonly FleetMember[]> {
  if (address === undefined) throw new Error(`${system.name} is for one process`)
  const order = {
    system: system.name,
    address,
    slots: given(settings, 'slots'),
    handlerMilliseconds: given(settings, 'handlerMilliseconds'),
  }
  return await Promise.all(
    Array.from({ length: given(settings, 'processes') }, () => FleetMember.start(order)),
  )
}

async function tallyOf(members: readonly FleetMember[]): Promise<FleetTally> {
  const tallies = await Promise.all(members.map((member) => member.tally()))
  return {
    done: tallies.reduce((sum, { done }) => sum + done, 0),
    cpuMs: tallies.reduce((sum, { cpuMs }) => sum + cpuMs, 0),
  }
}
