import type { HeldTransaction } from '../servers/measured-server.ts'
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
  /** Jobs that wait, of which `jobs` are measured. */
  readonly waiting?: number
  /** Jobs beside them whose time does not come. */
  readonly delayed?: number
  /** Enqueue calls at once. */
  readonly inFlight?: number
  /** Jobs per call. */
  readonly batch?: number
  /** Whose transaction a job is enqueued in. */
  readonly transaction?: 'caller'
  /** Where `jobs` is given too, whatever is over first. */
  readonly seconds?: number
  readonly jobsPerSecond?: number
  /** What a producer waits for before it goes on. */
  readonly awaits?: 'enqueue' | 'start'
  /** Producers rest while so many jobs wait. */
  readonly mostWaiting?: number
  readonly everyMilliseconds?: number
  /** What another session holds open meanwhile. */
  readonly held?: HeldTransaction
  /** Workers, each a process. */
  readonly processes?: number
  /** Handlers at once in each of them. */
  readonly slots?: number
  /** How long a handler takes. */
  readonly handlerMilliseconds?: number
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
  | 'serverCpuMicrosecondsPerJob'
  | 'walBytesPerJob'
  | 'bytesPerJob'
  | 'residentBytesPerJob'
  | 'serverBytesPerJob'
  | 'waitingJobs'
  | 'lastToFirst'
  | 'partOfPossible'

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
  /** Whether a system has what a case needs. By default every system has. */
  suits?(system: System, settings: Case): boolean
  cases(sizes: Sizes): readonly Case[]
  /** Runs in a process of its own. */
  run(system: System, settings: Case, stopwatch: Stopwatch): Promise<readonly Measurement[]>
}

/** A case per number of jobs. */
export function casesByJobs(sizes: Sizes, defaultJobs: number, rest: Case = {}): readonly Case[] {
  return (sizes.jobs ?? [defaultJobs]).map((jobs) => ({ jobs, ...rest }))
}

/** What a run that lasts for a time is not scaled below: in less, nothing may happen at all. */
const LEAST_SECONDS = 0.5

/** The same case, so many times as large: numbers of jobs and tenants, and time. */
export function scaleCase(settings: Case, scale: number): Case {
  const whole = (value: number | undefined): number | undefined =>
    value && Math.max(1, Math.round(value * scale))
  const { jobs, tenants, blockedTenants, waiting, delayed, mostWaiting, seconds } = settings
  const scaled = {
    jobs: whole(jobs),
    tenants: whole(tenants),
    // Some must be left that can go on.
    blockedTenants: blockedTenants && Math.floor(blockedTenants * scale),
    waiting: whole(waiting),
    delayed: whole(delayed),
    mostWaiting: whole(mostWaiting),
    seconds: seconds && Math.max(seconds * scale, Math.min(seconds, LEAST_SECONDS)),
  }
  return { ...settings, ...withoutAbsent(scaled) }
}

/** A setting that the scenario's own cases always carry. */
export function given<K extends keyof Case>(settings: Case, key: K): NonNullable<Case[K]> {
  const value = settings[key]
  if (value === undefined) throw new Error(`the case does not say "${key}"`)
  return value
}

function withoutAbsent<T extends object>(values: T): { [K in keyof T]?: NonNullable<T[K]> } {
  const present = Object.entries(values).filter(([, value]) => value !== undefined)
  return Object.fromEntries(present) as { [K in keyof T]?: NonNullable<T[K]> }
}
