import type { OpenQueue } from '../systems/system.ts'
import { fill } from './drain-queue.ts'
import { casesByJobs, given, type Scenario } from './scenario.ts'

const DEFAULT_JOBS = 300_000

export const memory: Scenario = {
  name: 'memory',
  summary: 'memory that one waiting small job holds in the server',
  suits: ({ server }) => server === 'redis',
  cases: (sizes) => casesByJobs(sizes, DEFAULT_JOBS),
  async run(system, settings, stopwatch) {
    const jobs = given(settings, 'jobs')
    await using queue = await system.open()
    // What the first calls leave in a server, scripts and connections, is not a job's.
    await fill(queue, 1)
    const before = await usedMemory(queue)
    await stopwatch(() => fill(queue, jobs))
    const after = await usedMemory(queue)
    return [{ metric: 'serverBytesPerJob', value: (after - before) / jobs }]
  },
}

async function usedMemory({ server }: OpenQueue): Promise<number> {
  if (server?.usedMemory === undefined) throw new Error('the server does not tell its memory')
  return await server.usedMemory()
}
