// The process of one worker of a fleet: it works until it is told to stop.
import { setTimeout } from 'node:timers/promises'
import { findSystem } from '../systems/systems.ts'
import type { FleetOrder, FleetTally } from './fleet-member.ts'

// Nobody is left to ask when the parent is gone.
process.once('disconnect', () => process.exit(1))

const { system, address, slots, handlerMilliseconds } = JSON.parse(
  process.argv[2] ?? '',
) as FleetOrder
const queue = await findSystem(system).open({ address, concurrency: slots })
let done = 0
await queue.start(async () => {
  await setTimeout(handlerMilliseconds)
  done += 1
})

const tally = (): FleetTally => {
  const { user, system: kernel } = process.cpuUsage()
  return { done, cpuMs: (user + kernel) / 1000 }
}
process.on('message', (message) => {
  if (message === 'tally') process.send?.(tally())
  else void queue[Symbol.asyncDispose]().then(() => process.exit())
})
process.send?.(tally())
