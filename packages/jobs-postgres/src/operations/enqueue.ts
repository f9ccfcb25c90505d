import {
  isDbError,
  type Parameter,
  type Pipeline,
  type Queryable,
  type QueryOptions,
  type Value,
} from '@cgk/db'
import {
  backlogFull,
  idConflict,
  type CallOptions,
  type EnqueueResult,
  type NewJob,
} from '@cgk/jobs-core'
import { makeJobId } from '../job-ids.ts'
import { toJsonJob } from '../json-job.ts'
import type { StoreContext } from '../store-context.ts'
import { enqueueClaimed, type EnqueuedRow } from './enqueue-claimed.ts'
import { readStoredResults, type StoredResult } from '../stored-results.ts'

/** What an enqueue needs: a caller's transaction will do for the database. */
export type EnqueueContext = Pick<StoreContext, 'schema'> & {
  readonly db: Queryable
  /** Whether that is one, so that nobody must wait for its end. */
  readonly joins: boolean
  /** Whether its number is to be told, because it does not tell itself when it is committed. */
  readonly asksXid?: boolean
}

/** See `JobSink.enqueue`. */
export async function enqueue(
  context: StoreContext,
  jobs: readonly NewJob[],
  options?: CallOptions,
): Promise<readonly EnqueueResult[]> {
  const { db, schema, wakeUps } = context
  const [job] = jobs
  // An embedded database may refuse the call because of where it is made, which is nothing to the worker.
  const mayBeClaimed = db.kind === 'postgres' && jobs.length === 1 && isBare(job!)
  const waiting = mayBeClaimed ? wakeUps.offer(job!.queue) : undefined
  if (waiting !== undefined) {
    try {
      return [readOne(job!, await enqueueClaimed(context, job!, waiting, options))]
    } catch (error) {
      // Who may not claim may still enqueue.
      if (!isDbError(error, '42501')) throw error
    }
  }
  let isExpected = false
  const onSent = (behind: Pipeline): void => {
    isExpected = wakeUps.expect(job!.queue, behind)
  }
  const mayBeExpected = wakeUps.isHeard && jobs.length === 1 && isDueAtOnce(job!)
  const { results } = await storeJobs(
    { db, schema, joins: false },
    jobs,
    mayBeExpected ? { ...options, onSent } : options,
  )
  if (!isExpected) for (const queue of new Set(jobs.map((job) => job.queue))) wakeUps.ready(queue)
  return results
}

function isDueAtOnce({ delayMs, runAt }: NewJob): boolean {
  return delayMs === undefined && runAt === undefined
}

/** Whether nothing but its lane will govern the job, and it cannot be there already. */
function isBare(job: NewJob): boolean {
  return (
    isDueAtOnce(job) &&
    job.jobId === undefined &&
    job.unique === undefined &&
    job.schedule === undefined &&
    job.orderingKey === undefined &&
    job.concurrencyKey === undefined &&
    job.limiter === undefined
  )
}

/** What became of a call. */
interface Stored {
  readonly results: readonly EnqueueResult[]
  /** The number of the transaction, where it was asked for. */
  readonly xid?: string
}

/** As {@link enqueue}, and tells nobody. */
export function storeJobs(
  context: EnqueueContext,
  jobs: readonly NewJob[],
  options?: QueryOptions,
): Promise<Stored> {
  if (jobs.length === 0) return Promise.resolve({ results: [] })
  if (!isPlain(jobs)) return enqueueAny(context, jobs, options)
  return jobs.length === 1
    ? enqueueOne(context, jobs[0]!, options)
    : enqueuePlain(context, jobs, options)
}

/** Whether all are of one queue, and none can be there already. */
function isPlain(jobs: readonly NewJob[]): boolean {
  const { queue } = jobs[0]!
  return jobs.every(
    (job) =>
      job.queue === queue &&
      job.jobId === undefined &&
      job.unique === undefined &&
      job.schedule === undefined,
  )
}

/** The number of a transaction is asked for along with what a function says. */
interface Answer {
  readonly [column: string]: Value
  readonly xid?: string
}

function answerOf(columns: string, { asksXid = false }: EnqueueContext): string {
  return asksXid ? `${columns}, pg_current_xact_id()::text as xid` : columns
}

function storedAs(results: readonly EnqueueResult[], { xid }: Answer): Stored {
  return xid === undefined ? { results } : { results, xid }
}

interface OneAnswer extends Answer, EnqueuedRow {}

/** Written out, because many producers enqueue in no other way. */
async function enqueueOne(
  context: EnqueueContext,
  job: NewJob,
  options?: QueryOptions,
): Promise<Stored> {
  const { db, schema, joins } = context
  const params: Parameter[] = [job.queue, job.tenantId ?? '', job.name, job.payload, job.priority]
  // Each parameter costs, and most jobs have none of these.
  if (OPTIONS.every((option) => job[option] === undefined)) {
    return enqueueBare(context, job, params, options)
  }
  for (const option of OPTIONS) params.push(job[option] ?? null)
  const [answer] = await db.query<OneAnswer>(
    `select ${answerOf('id, created_at, refused', context)} from ${schema}.enqueue_one(${ALL_ARGUMENTS}${joins ? JOINS : ''})`,
    params,
    options,
  )
  return storedAs([readOne(job, answer!)], answer!)
}

interface BareAnswer extends Answer {
  readonly answer: string
}

async function enqueueBare(
  context: EnqueueContext,
  job: NewJob,
  params: readonly Parameter[],
  options?: QueryOptions,
): Promise<Stored> {
  const { db, schema, joins } = context
  const [row] = await db.query<BareAnswer>(
    `select ${answerOf(`${schema}.enqueue_bare(${BARE_ARGUMENTS}${joins ? JOINS : ''}) as answer`, context)}`,
    params,
    options,
  )
  const { answer } = row!
  if (answer.startsWith('{')) throw fullError(job.queue, JSON.parse(answer) as Full)
  const [id, createdAt] = answer.split(' ')
  return storedAs([enqueuedResult(job, BigInt(id!), Number(createdAt))], row!)
}

function readOne(job: NewJob, { id, created_at, refused }: EnqueuedRow): EnqueueResult {
  if (refused !== null) throw fullError(job.queue, JSON.parse(refused) as Full)
  return enqueuedResult(job, id!, Number(created_at))
}

/** What `enqueue_one` takes last, in its order. */
const OPTIONS = [
  'delayMs',
  'runAt',
  'metadata',
  'headers',
  'maxAttempts',
  'retryDelayMs',
  'timeoutMs',
  'orderingKey',
  'concurrencyKey',
  'concurrencyLimit',
  'limiter',
] as const
const BARE_ARGUMENTS = '$1, $2, $3, $4, $5'
const JOINS = ', p_joins => true'
const ALL_ARGUMENTS: string = [BARE_ARGUMENTS, ...OPTIONS.map((_, index) => `$${index + 6}`)].join(
  ', ',
)

function enqueuedResult(
  { runAt, delayMs = 0 }: NewJob,
  id: bigint,
  createdAt: number,
): EnqueueResult {
  return {
    status: 'enqueued',
    id: makeJobId(id, createdAt),
    createdAt,
    runAt: runAt ?? createdAt + delayMs,
  }
}

/** Fewer UTF-16 units than these are no more than the 4,096 bytes of `is_bulky`. */
const UNITS_OF_BULKY = 4_096 / 3

function mayBeBulky({ payload, metadata = '' }: NewJob): boolean {
  return payload.length + metadata.length > UNITS_OF_BULKY
}

/** Ids of one block: see `enqueue_plain`. */
const BLOCK = 4096

/** The arguments of `enqueue_plain` after the queue. */
const PLAIN_TYPES: readonly string[] = [
  'text',
  'text',
  'text',
  'int',
  'bigint',
  'bigint',
  'text',
  'text',
  'bigint',
  'bigint',
  'bigint',
  'text',
  'text',
  'bigint',
  'text',
]
const PLAIN_ARGUMENTS: string = PLAIN_TYPES.map((type, index) => `$${index + 2}::${type}[]`).join()

interface PlainAnswer extends Answer {
  readonly blocks: readonly bigint[] | null
  readonly created_at: bigint | null
  readonly refused: string | null
}

async function enqueuePlain(
  context: EnqueueContext,
  given: readonly NewJob[],
  options?: CallOptions,
): Promise<Stored> {
  const { db, schema, joins } = context
  const places = groupedPlaces(given)
  const jobs = places === null ? given : places.map((place) => given[place]!)
  const [answer] = await db.query<PlainAnswer>(
    `select ${answerOf('blocks, created_at, refused', context)}
     from ${schema}.enqueue_plain($1, ${PLAIN_ARGUMENTS}, ${joins}, ${jobs.some(mayBeBulky)})`,
    [
      jobs[0]!.queue,
      column(jobs, ({ tenantId }) => tenantId ?? ''),
      column(jobs, ({ name }) => name),
      jobs.map(({ payload }) => payload),
      column(jobs, ({ priority }) => priority),
      rareColumn(jobs, ({ delayMs }) => delayMs),
      rareColumn(jobs, ({ runAt }) => runAt),
      rareColumn(jobs, ({ metadata }) => metadata),
      rareColumn(jobs, ({ headers }) => headers),
      rareColumn(jobs, ({ maxAttempts }) => maxAttempts),
      rareColumn(jobs, ({ retryDelayMs }) => retryDelayMs),
      rareColumn(jobs, ({ timeoutMs }) => timeoutMs),
      rareColumn(jobs, ({ orderingKey }) => orderingKey),
      rareColumn(jobs, ({ concurrencyKey }) => concurrencyKey),
      rareColumn(jobs, ({ concurrencyLimit }) => concurrencyLimit),
      rareColumn(jobs, ({ limiter }) => limiter),
    ],
    options,
  )
  const { blocks, created_at, refused } = answer!
  if (refused !== null) throw fullError(jobs[0]!.queue, JSON.parse(refused) as Full)
  const createdAt = Number(created_at)
  const results = jobs.map((job, index) =>
    enqueuedResult(job, blocks![Math.floor(index / BLOCK)]! + BigInt(index % BLOCK), createdAt),
  )
  if (places === null) return storedAs(results, answer!)
  const inGivenOrder = Array<EnqueueResult>(jobs.length)
  for (const [index, place] of places.entries()) inGivenOrder[place] = results[index]!
  return storedAs(inGivenOrder, answer!)
}

/**
 * The places of the jobs so that those of one tenant and priority, in their order, stand side by side: the dispatcher
 * is told of neighbours together. Of a tenant all keep their order where there is an ordering key, whose line follows
 * it whatever their priorities. `null` where all are of one.
 */
function groupedPlaces(jobs: readonly NewJob[]): readonly number[] | null {
  const hasLines = jobs.some(({ orderingKey }) => orderingKey !== undefined)
  const groups = new Map<string, number[]>()
  for (const [place, { tenantId, priority }] of jobs.entries()) {
    const key = hasLines ? (tenantId ?? '') : `${priority} ${tenantId ?? ''}`
    const group = groups.get(key)
    if (group === undefined) groups.set(key, [place])
    else group.push(place)
  }
  return groups.size === 1 ? null : [...groups.values()].flat()
}

/** A value for each job, or one where all have the same. */
function column<T extends string | number>(
  jobs: readonly NewJob[],
  valueOf: (job: NewJob) => T,
): readonly T[] {
  const first = valueOf(jobs[0]!)
  return jobs.every((job) => valueOf(job) === first) ? [first] : jobs.map(valueOf)
}

/** A value for each job, or null where none has one. */
function rareColumn(
  jobs: readonly NewJob[],
  valueOf: (job: NewJob) => string | number | undefined,
): Parameter {
  if (jobs.every((job) => valueOf(job) === undefined)) return null
  return jobs.map((job) => valueOf(job) ?? null)
}

interface Full {
  readonly tenantId: string | null
  readonly quota: number
  readonly waiting: number
  readonly more: number
}

type Added =
  | readonly StoredResult[]
  | { readonly conflict: { readonly index: number; readonly holderName: string } }
  | { readonly full: Full & { readonly queue: string } }

interface AnyAnswer extends Answer {
  readonly added: string
}

async function enqueueAny(
  context: EnqueueContext,
  jobs: readonly NewJob[],
  options?: CallOptions,
): Promise<Stored> {
  const { db, schema, joins } = context
  const [answer] = await db.query<AnyAnswer>(
    `select ${answerOf('added', context)} from ${schema}.enqueue_jobs($1::text::jsonb, ${joins}) as added`,
    [JSON.stringify(jobs.map(toJsonJob))],
    options,
  )
  const added = JSON.parse(answer!.added) as Added
  if ('conflict' in added) throw idConflict(jobs, added.conflict.index, added.conflict.holderName)
  if ('full' in added) throw fullError(added.full.queue, added.full)
  return storedAs(readStoredResults(jobs, added), answer!)
}

function fullError(queue: string, { tenantId, ...counts }: Full): Error {
  return backlogFull({ queue, tenantId }, counts)
}
