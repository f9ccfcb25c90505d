import type { Measurement } from './scenarios/scenario.ts'
import type { MeasuredServer, ServerUsage } from './servers/measured-server.ts'
import type { Stopwatch, Timing } from './stopwatch.ts'

/** How long a piece of work took, and what it cost. */
export interface Cost extends Timing {
  /** Absent where it is not known. */
  readonly serverCpuMs?: number
  readonly walBytes?: number
}

/** Times a piece of work, and reads what it cost the server. */
export async function measure(
  server: MeasuredServer | undefined,
  stopwatch: Stopwatch,
  work: () => Promise<void>,
): Promise<Cost> {
  const before = await server?.usage()
  const timing = await stopwatch(work)
  return { ...timing, ...difference(before, await server?.usage()) }
}

/** What a server used up between two readings. */
export function difference(
  before: ServerUsage | undefined,
  after: ServerUsage | undefined,
): Pick<Cost, 'serverCpuMs' | 'walBytes'> {
  const cpuMs = minus(after?.cpuMs, before?.cpuMs)
  const walBytes = minus(after?.walBytes, before?.walBytes)
  return {
    ...(cpuMs !== undefined && { serverCpuMs: cpuMs }),
    ...(walBytes !== undefined && { walBytes }),
  }
}

/** The cost of each of so many jobs, to be printed beside whatever else a run measured. */
export function costOfEach(
  jobs: number,
  { cpuMs, serverCpuMs, walBytes }: Omit<Cost, 'elapsedMs'>,
): readonly Measurement[] {
  return [
    { metric: 'cpuMicrosecondsPerJob', value: (cpuMs * 1000) / jobs },
    ...(serverCpuMs === undefined
      ? []
      : [{ metric: 'serverCpuMicrosecondsPerJob', value: (serverCpuMs * 1000) / jobs } as const]),
    ...(walBytes === undefined
      ? []
      : [{ metric: 'walBytesPerJob', value: walBytes / jobs } as const]),
  ]
}

function minus(
  after: number | null | undefined,
  before: number | null | undefined,
): number | undefined {
  return typeof after === 'number' && typeof before === 'number' ? after - before : undefined
}
