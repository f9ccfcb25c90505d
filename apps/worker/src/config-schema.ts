import { parseTenantId } from '@cgk/core'
import type { JobStore, ScheduleSpec } from '@cgk/jobs-core'
import * as v from 'valibot'
import type { DirectorySource, JobSource, WorkerConfig, WorkerHook } from './config.ts'
import { isDirectory } from './open-directory.ts'
import { messageOf } from './exit-error.ts'
import { isJobDefinition } from './job-definition.ts'
import { LOG_LEVELS } from './log-level.ts'
import { plainObject } from './plain-object.ts'
import { CONCURRENCY, GRACE_PERIOD, PORT, type Range, ruleOf } from './ranges.ts'

const StoreSource = v.custom<string | JobStore>(
  (value) => (typeof value === 'string' && value !== '') || isJobStore(value),
  'must be a store URL or a JobStore',
)

const JobSources = v.array(
  v.custom<JobSource>(
    (value) => typeof value === 'string' || value instanceof URL || isJobDefinition(value),
    'must be a job definition, or the path or URL of a module that exports some',
  ),
  'must be an array',
)

// What is in it the directory itself checks.
const Directory = v.custom<DirectorySource>(
  (value) =>
    Array.isArray(value) ||
    (typeof value === 'string' && value !== '') ||
    value instanceof URL ||
    isDirectory(value),
  'must be a list of tenants, the path of a JSON file of them, or a TenantDirectory',
)

// What is in it the queue itself checks.
const Schedule = v.custom<ScheduleSpec>(
  (value) => typeof value === 'object' && value !== null,
  'must be an object',
)

const Queue = settings({
  concurrency: v.optional(wholeNumber(CONCURRENCY)),
  store: v.optional(v.string('must be the name of a store')),
  jobs: v.optional(JobSources),
  schedules: v.optional(v.pipe(plainObject('must be an object'), v.record(v.string(), Schedule))),
})

const Health = settings({
  port: wholeNumber(PORT),
  host: v.optional(v.pipe(v.string('must be a host name'), v.nonEmpty('must not be empty'))),
})

const Hook = v.custom<WorkerHook>((value) => typeof value === 'function', 'must be a function')

const Config = settings({
  store: v.optional(StoreSource),
  stores: v.optional(named(StoreSource, 'must name at least one store')),
  directory: v.optional(Directory),
  defaultStore: v.optional(v.string('must be the name of a store')),
  queues: v.optional(named(Queue, 'must name at least one queue')),
  jobs: v.optional(JobSources),
  tenants: v.optional(
    v.array(
      v.custom<string>(isTenantId, (issue) => tenantProblem(issue.input)),
      'must be an array',
    ),
  ),
  health: v.optional(v.lazy((value) => (value === false ? v.literal(false) : Health))),
  gracePeriod: v.optional(wholeNumber(GRACE_PERIOD)),
  log: v.optional(
    settings({
      level: v.optional(v.picklist(LOG_LEVELS, `must be one of ${LOG_LEVELS.join(', ')}`)),
    }),
  ),
  hooks: v.optional(
    settings({
      starting: v.optional(Hook),
      started: v.optional(Hook),
      idle: v.optional(Hook),
      stopped: v.optional(Hook),
    }),
  ),
})

/** A config that was checked, or each thing that is wrong with it: where, and what. */
export type ConfigReading =
  | { readonly config: WorkerConfig; readonly problems?: undefined }
  | { readonly config?: undefined; readonly problems: readonly string[] }

/** Checks what a config file exports. */
export function readConfig(value: unknown): ConfigReading {
  const result = v.safeParse(Config, value)
  if (!result.success) {
    return { problems: result.issues.map((issue) => `${pathOf(issue)} ${issue.message}`) }
  }
  const { directory } = result.output
  const problems =
    directory === undefined ? storeProblems(result.output) : directoryProblems(result.output)
  return problems.length > 0 ? { problems } : { config: result.output }
}

function directoryProblems(config: WorkerConfig): string[] {
  const { store, stores, defaultStore, tenants, queues = {} } = config
  const problems: string[] = []
  if (store !== undefined && stores !== undefined) {
    problems.push('store and stores exclude each other: give one of them')
  }
  if (tenants !== undefined) problems.push('tenants and directory exclude each other')
  for (const [queue, { store: chosen }] of Object.entries(queues)) {
    if (chosen !== undefined) {
      problems.push(`queues.${queue}.store has no say: with a directory each tenant has its store`)
    }
  }
  const names = stores === undefined ? ['default'] : Object.keys(stores)
  const fallback = defaultStore ?? (names.length === 1 ? names[0]! : 'default')
  if (!names.includes(fallback)) {
    problems.push(
      defaultStore === undefined
        ? `defaultStore is missing: choose one of ${names.join(', ')}`
        : `defaultStore must be one of ${names.join(', ')}, not ${JSON.stringify(defaultStore)}`,
    )
  }
  return problems
}

function storeProblems({ store, stores, defaultStore, queues = {} }: WorkerConfig): string[] {
  if (defaultStore !== undefined) return ['defaultStore has no say without a directory']
  if (store !== undefined && stores !== undefined) {
    return ['store and stores exclude each other: give one of them']
  }
  const names = Object.keys(stores ?? {})
  const problems: string[] = []
  for (const [queue, { store: chosen }] of Object.entries(queues)) {
    const path = `queues.${queue}.store`
    if (chosen === undefined) {
      if (names.length > 1) problems.push(`${path} is missing: choose one of ${names.join(', ')}`)
    } else if (stores === undefined) {
      problems.push(`${path} names a store, but there are no stores to choose from`)
    } else if (!names.includes(chosen)) {
      problems.push(`${path} must be one of ${names.join(', ')}, not ${JSON.stringify(chosen)}`)
    }
  }
  if (names.length > 1 && Object.keys(queues).length === 0) {
    problems.push('queues is missing: with several stores, each queue names its own')
  }
  return problems
}

function wholeNumber(range: Range): v.GenericSchema<number> {
  return v.custom<number>(
    (value) => Number.isInteger(value) && Number(value) >= range.min && Number(value) <= range.max,
    ruleOf(range),
  )
}

function named<TValue>(value: v.GenericSchema<TValue>, emptyProblem: string) {
  return v.pipe(
    plainObject('must be an object'),
    v.record(v.string(), value),
    v.check((record) => Object.keys(record).length > 0, emptyProblem),
  )
}

function isTenantId(value: unknown): boolean {
  return tenantProblem(value) === ''
}

function tenantProblem(value: unknown): string {
  try {
    parseTenantId(value)
    return ''
  } catch (error) {
    return messageOf(error)
  }
}

function isJobStore(value: unknown): boolean {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false
  const store = value as Partial<Record<keyof JobStore, unknown>>
  const operations = [store.enqueue, store.claim, store.settle, store.ping, store.close]
  return (
    typeof store.name === 'string' &&
    operations.every((operation) => typeof operation === 'function')
  )
}

function settings<TEntries extends v.ObjectEntries>(entries: TEntries) {
  return v.pipe(
    plainObject('must be an object'),
    v.strictObject(entries, ({ expected }) =>
      expected === 'never' ? 'is not a setting' : 'is missing',
    ),
  )
}

function pathOf({ path }: { readonly path?: readonly v.IssuePathItem[] | undefined }): string {
  if (path === undefined) return 'the default export'
  let text = ''
  for (const { key } of path) {
    if (typeof key === 'number') text += `[${key}]`
    else text += text === '' ? String(key) : `.${String(key)}`
  }
  return text
}
