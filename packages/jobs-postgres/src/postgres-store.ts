import type {
  ActionResult,
  AdvanceResult,
  AttemptReport,
  CallOptions,
  ClaimRequest,
  ClaimResult,
  EnqueueResult,
  GroupRecord,
  GroupRef,
  GroupStore,
  JobCatalog,
  JobControls,
  JobCounts,
  JobRecord,
  JobRef,
  JobStore,
  Lease,
  LeaseState,
  LeaseStore,
  LimitChange,
  LimitScope,
  LimitState,
  NewGroup,
  NewJob,
  ScheduleAdvance,
  SchedulePut,
  ScheduleRecord,
  ScheduleRef,
  ScheduleStore,
  Settlement,
  SettleResult,
  StoreCapabilities,
  WakeUp,
} from '@cgk/jobs-core'
import { type Db, quoteSchema } from '@cgk/db'
import { checkSchema } from './check-schema.ts'
import { repeating } from './repeating.ts'
import type { Database } from './database-options.ts'
import type { HistoryBounds } from './history.ts'
import { counts, get, list } from './operations/catalogue.ts'
import { claim } from './operations/claim.ts'
import { enqueue } from './operations/enqueue.ts'
import { extend } from './operations/extend.ts'
import { enqueueGroups, getGroups } from './operations/groups.ts'
import { getLimits, isPaused, listLimits, setLimits } from './operations/limits.ts'
import { maintain } from './operations/maintain.ts'
import { cancel, remove, retry } from './operations/operators.ts'
import { report } from './operations/report.ts'
import {
  advanceSchedules,
  dueSchedules,
  getSchedules,
  listSchedules,
  putSchedule,
  removeSchedules,
} from './operations/schedules.ts'
import { settle } from './operations/settle.ts'
import { listTenants } from './operations/tenants.ts'
import { CommitWatch } from './commit-watch.ts'
import type { StoreContext } from './store-context.ts'
import { TRANSACTIONS, type TransactionalStore } from './transactional-store.ts'
import { abortedBefore, storeClosed, toStoreError } from './store-error.ts'
import { unlessAborted } from './unless-aborted.ts'
import { WakeUps } from './wake-ups.ts'

const CAPABILITIES: StoreCapabilities = Object.freeze({
  uniqueKeys: true,
  orderingKeys: true,
  concurrencyKeys: true,
  groups: true,
  schedules: true,
  limits: true,
})

/** With 1,000 a worker waited for its claims, and did 0.8 to 0.9 of what it does. */
const MOST_PREFETCHED = 2_000

/** What a store is made of. */
export interface StoreParts {
  readonly database: Database
  readonly schema: string
  readonly migrate: 'auto' | 'manual'
  readonly history: HistoryBounds
}

/** An operation, as the files of `operations` export them. */
type Operation<Request, Result> = (
  context: StoreContext,
  request: Request,
  options?: CallOptions,
) => Promise<Result>

/** Opens the database, checks its schema, and hands each call on to its operation. */
export class PostgresStore implements JobStore {
  readonly name: string
  readonly capabilities: StoreCapabilities = CAPABILITIES
  /** Of a server alone: an embedded database keeps our own process waiting. */
  readonly mostPrefetched?: number
  /** Of an embedded database alone: a server that does not let us in is one that does not answer. */
  readonly open?: () => Promise<void>
  readonly #parts: StoreParts
  readonly #wakeUps: WakeUps
  readonly #commits: CommitWatch
  readonly [TRANSACTIONS]: TransactionalStore
  #db: Promise<Db> | undefined
  #context: Promise<StoreContext> | undefined
  #opened: StoreContext | undefined
  #closed: Promise<void> | undefined

  constructor(parts: StoreParts) {
    this.name = parts.database.kind
    this.#parts = parts
    this.#wakeUps = new WakeUps(() => this.#open())
    this.#commits = new CommitWatch(() => this.#open())
    this[TRANSACTIONS] = {
      kind: parts.database.kind,
      schema: quoteSchema(parts.schema),
      commits: this.#commits,
      wakeUps: this.#wakeUps,
      queues: new Set(),
      open: async () => this.#openChecked(undefined),
    }
    if (parts.database.kind === 'pglite') {
      this.open = () => this.#run(async () => {}, undefined, undefined)
    } else {
      this.mostPrefetched = MOST_PREFETCHED
    }
  }

  enqueue(jobs: readonly NewJob[], options?: CallOptions): Promise<readonly EnqueueResult[]> {
    return this.#run(enqueue, jobs, options)
  }

  claim(request: ClaimRequest, options?: CallOptions): Promise<ClaimResult> {
    return this.#wakeUps.claim(request, options, (behind) =>
      this.#run((...call) => claim(...call, behind), request, options),
    )
  }

  extend(
    request: { readonly leases: readonly Lease[]; readonly leaseMs: number },
    options?: CallOptions,
  ): Promise<readonly LeaseState[]> {
    return this.#run(extend, request, options)
  }

  settle(
    request: { readonly settlements: readonly Settlement[]; readonly claim?: ClaimRequest },
    options?: CallOptions,
  ): Promise<{ readonly results: readonly SettleResult[]; readonly claimed: ClaimResult | null }> {
    return this.#run(settle, request, options)
  }

  report(reports: readonly AttemptReport[], options?: CallOptions): Promise<readonly boolean[]> {
    return this.#run(report, reports, options)
  }

  maintain(
    request: { readonly limit: number },
    options?: CallOptions,
  ): ReturnType<LeaseStore['maintain']> {
    return this.#run(maintain, request, options)
  }

  get(refs: readonly JobRef[], options?: CallOptions): Promise<readonly (JobRecord | null)[]> {
    return this.#run(get, refs, options)
  }

  list(
    request: Parameters<JobCatalog['list']>[0],
    options?: CallOptions,
  ): ReturnType<JobCatalog['list']> {
    return this.#run(list, request, options)
  }

  counts(request: Parameters<JobCatalog['counts']>[0], options?: CallOptions): Promise<JobCounts> {
    return this.#run(counts, request, options)
  }

  cancel(refs: readonly JobRef[], options?: CallOptions): Promise<readonly ActionResult[]> {
    return this.#run(cancel, refs, options)
  }

  retry(refs: readonly JobRef[], options?: CallOptions): Promise<readonly ActionResult[]> {
    return this.#run(retry, refs, options)
  }

  remove(refs: readonly JobRef[], options?: CallOptions): Promise<readonly ActionResult[]> {
    return this.#run(remove, refs, options)
  }

  pause(scope: LimitScope, options?: CallOptions): Promise<void> {
    return this.setLimits([{ scope, source: 'operator', limits: { paused: true } }], options)
  }

  resume(scope: LimitScope, options?: CallOptions): Promise<void> {
    return this.setLimits([{ scope, source: 'operator', limits: { paused: null } }], options)
  }

  isPaused(scope: LimitScope, options?: CallOptions): Promise<boolean> {
    return this.#run(isPaused, scope, options)
  }

  setLimits(changes: readonly LimitChange[], options?: CallOptions): Promise<void> {
    return this.#run(setLimits, changes, options)
  }

  getLimits(scopes: readonly LimitScope[], options?: CallOptions): Promise<readonly LimitState[]> {
    return this.#run(getLimits, scopes, options)
  }

  listLimits(
    request: Parameters<JobControls['listLimits']>[0],
    options?: CallOptions,
  ): ReturnType<JobControls['listLimits']> {
    return this.#run(listLimits, request, options)
  }

  listTenants(
    request: Parameters<JobControls['listTenants']>[0],
    options?: CallOptions,
  ): ReturnType<JobControls['listTenants']> {
    return this.#run(listTenants, request, options)
  }

  enqueueGroups(
    groups: readonly NewGroup[],
    options?: CallOptions,
  ): ReturnType<GroupStore['enqueueGroups']> {
    return this.#run(enqueueGroups, groups, options)
  }

  getGroups(
    refs: readonly GroupRef[],
    options?: CallOptions,
  ): Promise<readonly (GroupRecord | null)[]> {
    return this.#run(getGroups, refs, options)
  }

  putSchedule(put: SchedulePut, options?: CallOptions): ReturnType<ScheduleStore['putSchedule']> {
    return this.#run(putSchedule, put, options)
  }

  getSchedules(
    refs: readonly ScheduleRef[],
    options?: CallOptions,
  ): Promise<{ readonly now: number; readonly schedules: readonly (ScheduleRecord | null)[] }> {
    return this.#run(getSchedules, refs, options)
  }

  listSchedules(
    request: Parameters<ScheduleStore['listSchedules']>[0],
    options?: CallOptions,
  ): ReturnType<ScheduleStore['listSchedules']> {
    return this.#run(listSchedules, request, options)
  }

  dueSchedules(
    request: Parameters<ScheduleStore['dueSchedules']>[0],
    options?: CallOptions,
  ): ReturnType<ScheduleStore['dueSchedules']> {
    return this.#run(dueSchedules, request, options)
  }

  advanceSchedules(
    advances: readonly ScheduleAdvance[],
    options?: CallOptions,
  ): Promise<readonly AdvanceResult[]> {
    return this.#run(advanceSchedules, advances, options)
  }

  removeSchedules(
    refs: readonly ScheduleRef[],
    options?: CallOptions,
  ): Promise<readonly boolean[]> {
    return this.#run(removeSchedules, refs, options)
  }

  subscribe(listener: (wakeUp: WakeUp) => void): () => void {
    if (this.#closed !== undefined) throw storeClosed()
    return this.#wakeUps.subscribe(listener)
  }

  async ping(options?: CallOptions): Promise<void> {
    await this.#run(ping, undefined, options)
  }

  close(): Promise<void> {
    this.#closed ??= this.#close()
    return this.#closed
  }

  async #close(): Promise<void> {
    await this.#commits.close()
    await this.#wakeUps.close()
    // What could not be opened has nothing to close.
    const db = await this.#db?.catch(() => undefined)
    if (this.#parts.database.isOurs) await db?.close()
  }

  async #run<Request, Result>(
    operation: Operation<Request, Result>,
    request: Request,
    options: CallOptions | undefined,
  ): Promise<Result> {
    const context = await this.#openChecked(options?.signal)
    try {
      return await repeating(() => operation(context, request, options), options?.signal)
    } catch (error) {
      throw toStoreError(error)
    }
  }

  /** Without a promise where it is open: every call would pay for it. */
  #openChecked(signal: AbortSignal | undefined): StoreContext | Promise<StoreContext> {
    if (this.#closed !== undefined) throw storeClosed()
    if (signal?.aborted === true) throw abortedBefore(signal)
    return this.#opened ?? this.#openUnlessAborted(signal)
  }

  async #openUnlessAborted(signal: AbortSignal | undefined): Promise<StoreContext> {
    try {
      return await unlessAborted(this.#open(), signal)
    } catch (error) {
      throw toStoreError(error)
    }
  }

  /** Opens what is not open, once for all who wait; what failed is tried again by the next call. */
  #open(): Promise<StoreContext> {
    this.#context ??= this.#makeContext().catch((error: unknown) => {
      this.#context = undefined
      throw error
    })
    return this.#context
  }

  async #makeContext(): Promise<StoreContext> {
    const { database, schema, migrate, history } = this.#parts
    this.#db = database.open()
    const db = await this.#db
    await checkSchema(db, schema, migrate)
    this.#opened = { db, schema: quoteSchema(schema), history, wakeUps: this.#wakeUps }
    return this.#opened
  }
}

async function ping({ db }: StoreContext, _: undefined, options?: CallOptions): Promise<void> {
  await db.control.query('select 1', [], options)
}
