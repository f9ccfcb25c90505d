import type {
  AttemptFailure,
  ClaimedJob,
  GroupLinks,
  JobKeys,
  JobRecord,
  JobState,
  StoredError,
} from '@cgk/jobs-core'
import { readHead } from './body-head.ts'
import type { Extras } from './encode-job.ts'
import { madeId } from './made-id.ts'

/** A job in a reply: its serial, body and state, and what is kept beside them where it is asked for. */
export type JobReply = readonly [serial: number, body: string, state: string, cold?: string]

/** See `lua/jobs.ts`. */
interface State {
  readonly i?: string
  readonly st: number
  readonly up: number
  readonly ru: number | string
  readonly sa?: number
  readonly en?: number
  readonly at: number
  readonly re?: number
  readonly lo?: number
  readonly ge: number
  readonly rs?: string
  readonly er?: string
  readonly pr?: string
  readonly wk?: string
  readonly hd?: string
  readonly tk?: string
}

/** See `lua/cold.ts`. */
interface Cold {
  readonly l?: readonly string[]
  readonly f?: readonly {
    readonly a: number
    readonly g: number
    readonly s: number
    readonly e: number
    readonly w: string
    readonly r?: string
  }[]
  readonly e?: Readonly<Record<string, string>>
}

const STATES: readonly JobState[] = [
  'pending',
  'pending',
  'pending',
  'running',
  'completed',
  'failed',
  'cancelled',
]
export const NO_LINES: readonly string[] = Object.freeze([])
export const NO_FAILURES: readonly AttemptFailure[] = Object.freeze([])
const NO_COLD: Cold = Object.freeze({})

/** What a reply says of the queue that the ids of its jobs are made of. */
export interface IdSeries {
  readonly queue: string
  readonly series: string
}

/** The record of a job; log, failures and effects only where the reply has them. */
export function decodeRecord(from: IdSeries, reply: JobReply): JobRecord {
  return decode(from, reply, JSON.parse(reply[2]) as State)
}

/** A job as a claim hands it out. */
export function decodeClaimed(from: IdSeries, reply: JobReply): ClaimedJob {
  const state = JSON.parse(reply[2]) as State
  return { ...decode(from, reply, state), token: state.tk! }
}

function decode(
  { queue, series }: IdSeries,
  [serial, body, , coldText]: JobReply,
  state: State,
): JobRecord {
  const { text, createdAt, extras, tenantId, name } = readHead(body)
  const cold = coldText ? (JSON.parse(coldText) as Cold) : NO_COLD
  return {
    queue,
    tenantId,
    id: extras.i ?? state.i ?? madeId(series, createdAt, serial),
    name,
    payload: body.slice(text.length),
    metadata: extras.metadata ?? null,
    priority: extras.p ?? 0,
    state: STATES[state.st - 1]!,
    createdAt,
    updatedAt: state.up,
    runAt: Number(state.ru),
    startedAt: state.sa ?? null,
    endedAt: state.en ?? null,
    attempts: state.at,
    releases: state.re ?? 0,
    lostLeases: state.lo ?? 0,
    generation: state.ge,
    maxAttempts: extras.maxAttempts ?? null,
    retryDelayMs: extras.retryDelayMs ?? null,
    timeoutMs: extras.timeoutMs ?? null,
    result: state.rs ?? null,
    error: state.er === undefined ? null : (JSON.parse(state.er) as StoredError),
    progress: state.pr ?? null,
    log: cold.l ?? NO_LINES,
    headers: state.hd ?? extras.headers ?? null,
    keys: keysOf(extras),
    limiter: extras.l ?? null,
    group: groupOf(extras),
    schedule: extras.s ?? null,
    worker: state.wk ?? null,
    failures: cold.f?.map(toFailure) ?? NO_FAILURES,
    effects: cold.e ?? null,
  }
}

function keysOf({ u: unique, o: ordering, c: concurrency, n: limit }: Extras): JobKeys | null {
  if (unique === undefined && ordering === undefined && concurrency === undefined) return null
  return {
    unique: unique ?? null,
    ordering: ordering ?? null,
    concurrency: concurrency ?? null,
    concurrencyLimit: limit ?? null,
  }
}

function groupOf({ m: memberOf, b: callbackOf }: Extras): GroupLinks | null {
  if (memberOf === undefined && callbackOf === undefined) return null
  return { memberOf: memberOf ?? null, callbackOf: callbackOf ?? null }
}

function toFailure({ a, g, s, e, w, r }: NonNullable<Cold['f']>[number]): AttemptFailure {
  const error = r === undefined ? null : (JSON.parse(r) as StoredError)
  return { attempt: a, generation: g, startedAt: s, endedAt: e, worker: w, error }
}
