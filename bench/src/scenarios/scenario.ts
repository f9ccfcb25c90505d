import type { Stopwatch } from '../stopwatch.ts'
import type { Settings, System } from '../systems/system.ts'

/** What the command line says about the size of a scenario; each has its defaults. */
export interface Sizes {
  /** One case for each number. */
  readonly jobs?: readonly number[]
  readonly seconds?: number
}

/** How one run is to be done. Printed as part of the result's settings. */
export interface Case {
  readonly jobs?: number
  readonly tenants?: number
  /** Tenants that have as many jobs running as they may. */
  readonly blockedTenants?: number
  /** Enqueue calls at once. */
  readonly inFlight?: number
  /** Jobs per call. */
  readonly batch?: number
  readonly seconds?: number
  /** What a producer waits for before it goes on. */
  readonly awaits?: 'enqueue' | 'start'
  /** Producers rest while so many jobs wait. */
  readonly mostWaiting?: number
  readonly everyMilliseconds?: number
  /** Fillings of an empty queue in one run; the run's value is their median. */
  readonly rounds?: number
}

/** Names of metrics, each with its unit. */
export type Metric =
  | 'jobsPerSecond'
  | 'p50Milliseconds'
  | 'p99Milliseconds'
  | 'microsecondsPerJob'
  | 'cpuMicrosecondsPerJob'
  | 'bytesPerJob'
  | 'residentBytesPerJob'
  | 'waitingJobs'

/** One value that one run measured. */
export interface Measurement {
  readonly metric: Metric
  readonly value: number
  /** Tells apart several values of one metric. */
  readonly settings?: Settings
}

/** One way of loading a system. */
export interface Scenario {
  readonly name: string
  /** One line for `--help`. */
  readonly summary: string
  /** Whether a system has what the scenario needs. By default every system has. */
  suits?(system: System): boolean
  cases(sizes: Sizes): readonly Case[]
  /** Runs in a process of its own. */
  run(system: System, settings: Case, stopwatch: Stopwatch): Promise<readonly Measurement[]>
}

/** A case per number of jobs. */
export function casesByJobs(sizes: Sizes, defaultJobs: number, rest: Case = {}): readonly Case[] {
  return (sizes.jobs ?? [defaultJobs]).map((jobs) => ({ jobs, ...rest }))
}

/** A setting that the scenario's own cases always carry. */
export function given<K extends keyof Case>(settings: Case, key: K): NonNullable<Case[K]> {
  const value = settings[key]
  if (value === undefined) throw new Error(`the case does not say "${key}"`)
  return value
}
