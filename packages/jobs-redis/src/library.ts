import { createHash } from 'node:crypto'
import { act } from './functions/act.ts'
import { catalog } from './functions/catalog.ts'
import { enqueue } from './functions/enqueue.ts'
import { extend } from './functions/extend.ts'
import { giveBack } from './functions/give-back.ts'
import { groups } from './functions/groups.ts'
import { limits } from './functions/limits.ts'
import { maintain } from './functions/maintain.ts'
import { report } from './functions/report.ts'
import { schedules } from './functions/schedules.ts'
import { settle } from './functions/settle.ts'
import * as parts from './lua/index.ts'

/** The names of the functions, as the Lua texts have them in braces. */
export type FunctionName =
  | 'enqueue'
  | 'mayEnqueue'
  | 'enqueueAndSettle'
  | 'settle'
  | 'extend'
  | 'report'
  | 'maintain'
  | 'giveBack'
  | 'get'
  | 'list'
  | 'counts'
  | 'tenants'
  | 'act'
  | 'setLimits'
  | 'applyLimits'
  | 'getLimits'
  | 'listLimits'
  | 'isPaused'
  | 'enqueueGroups'
  | 'getGroups'
  | 'putSchedule'
  | 'getSchedules'
  | 'listSchedules'
  | 'dueSchedules'
  | 'advanceSchedules'
  | 'removeSchedules'

const FILES = [
  parts.line,
  parts.ready,
  parts.marks,
  parts.claims,
  parts.sheets,
  parts.jobs,
  parts.cold,
  parts.allowance,
  parts.openings,
  parts.lane,
  parts.fairOrder,
  parts.oneEach,
  parts.bucket,
  parts.dispatch,
  parts.keyScope,
  parts.gate,
  parts.orderingLine,
  parts.concurrencyGate,
  parts.delays,
  parts.queue,
  parts.hints,
  parts.leases,
  parts.history,
  parts.uniqueHolds,
  parts.transitions,
  parts.groups,
  parts.enqueuer,
  parts.loneJob,
  parts.plainTally,
  parts.plainJobs,
  parts.leasing,
  parts.limits,
  parts.schedules,
  parts.catalog,
  parts.reply,
  enqueue,
  settle,
  extend,
  report,
  maintain,
  giveBack,
  catalog,
  act,
  limits,
  groups,
  schedules,
]

// What a file calls local is its own; Lua allows 200 such names in one place.
const TEXT = [parts.context, parts.functions, ...FILES.map((file) => `do${file}end\n`)].join('')

/** What the libraries of all versions are called, but for what tells them apart. */
export const LIBRARY_FAMILY = 'cgk_jobs_'

/** What the library is called. Processes of different versions share a server: each finds its own. */
export const LIBRARY_NAME: string = `${LIBRARY_FAMILY}${createHash('sha256').update(TEXT).digest('hex').slice(0, 12)}`

/** The library of all functions, as FUNCTION LOAD takes it. */
export const LIBRARY: string = `#!lua name=${LIBRARY_NAME}\n${TEXT.replaceAll(
  /'\{(\w+)\}'/g,
  (_, name: string) => `'${functionNamed(name as FunctionName)}'`,
)}`

/** What a function of ours is called on the server. */
export function functionNamed(name: FunctionName): string {
  return `${LIBRARY_NAME}_${name}`
}
