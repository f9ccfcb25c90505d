import {
  JobsError,
  systemPorts,
  type ActionResult,
  type AdvanceResult,
  type AttemptReport,
  type CallOptions,
  type ClaimRequest,
  type ClaimResult,
  type EnqueueResult,
  type GroupRecord,
  type GroupRef,
  type GroupStore,
  type JobCatalog,
  type JobControls,
  type JobCounts,
  type JobRecord,
  type JobRef,
  type JobStore,
  type Lease,
  type LeaseState,
  type LeaseStore,
  type LimitChange,
  type LimitScope,
  type LimitState,
  type NewGroup,
  type NewJob,
  type ScheduleAdvance,
  type SchedulePut,
  type ScheduleRef,
  type ScheduleStore,
  type Settlement,
  type SettleResult,
  type StoreCapabilities,
  type WakeUp,
} from '@cgk/jobs-core'
import type { ClusterOptions } from './cluster-connection.ts'
import type { CommandSender } from './connection.ts'
import { confirmationsOf, type DurabilityOptions } from './durability.ts'
import { closedError } from './errors.ts'
import { FunctionsCaller } from './functions-caller.ts'
import { GiveBack } from './give-back.ts'
import { resolveHistory, type HistoryOptions } from './history.ts'
import type { ClientSource } from './open-client.ts'
import { act } from './operations/act.ts'
import { counts } from './operations/counts.ts'
import { enqueue, type EnqueueTools } from './operations/enqueue.ts'
import { extend } from './operations/extend.ts'
import { get } from './operations/get.ts'
import { enqueueGroups, getGroups } from './operations/groups.ts'
import { getLimits, isPaused, listLimits, setLimits } from './operations/limits.ts'
import { list } from './operations/list.ts'
import { listTenants } from './operations/list-tenants.ts'
import { maintain } from './operations/maintain.ts'
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
import { QueueRegistry } from './queue-registry.ts'
import type { SentinelOptions } from './sentinel.ts'
import { SettleJoiner } from './settle-joiner.ts'
import { serversOf, type ServerSource } from './servers.ts'
import { Shards } from './shards.ts'
import { WakeUps } from './wake-ups.ts'

/** What {@link createRedisStore} takes: where the server is, and what is kept there. */
export type RedisStoreOptions = {
  /**
   * What all keys begin with: letters, digits, `.`, `_`, `:` and `-`. Stores with the same prefix on the
   * same server share their jobs.
   * @defaultValue `cgk:jobs`
   */
  readonly prefix?: string
  /**
   * How many ended jobs are kept.
   * @defaultValue completed jobs 1 hour, failed and cancelled ones 7 days; 10,000 of each per queue
   */
  readonly history?: HistoryOptions
  /**
   * Over how many slots of a cluster each queue is spread, by tenant, from 1 to 256. The same in all
   * processes with the prefix, and for good. Turns and the limits of tenants are exact within a shard;
   * limits of a queue are divided among its shards.
   * @defaultValue 1
   */
  readonly shards?: number
} & DurabilityOptions &
  OneOf<{
    /**
     * `redis://user:password@host:port/database`; of a cluster
     * `redis-cluster://user:password@host:port?node=host:port…`; of a server with Sentinels
     * `redis-sentinel://user:password@host:port/database?name=name&node=host:port…`, where the hosts are
     * Sentinels. `rediss` in place of `redis` for TLS.
     */
    url: string
    /**
     * A client of node-redis (`createClient` of `redis` or `@redis/client`), of which the server, the
     * credentials and TLS are taken. The store opens connections of its own and never closes this one.
     */
    client: ClientSource
    /** A cluster, as `createCluster` of node-redis takes it. */
    cluster: ClusterOptions
    /** A server with Sentinels, as `createSentinel` of node-redis takes it. */
    sentinel: SentinelOptions
  }>

/** One of the properties, and none of the others. */
type OneOf<Options> = {
  [Name in keyof Options]: { readonly [Given in Name]: Options[Given] } & {
    readonly [Other in Exclude<keyof Options, Name>]?: never
  }
}[keyof Options]

/**
 * Makes a store that keeps its jobs on a Redis server or a Redis Cluster, version 7 or newer, or Valkey.
 *
 * It connects at the first call. What survives a crash of the server is what the server's own persistence
 * keeps: everything but the last second with `appendonly yes`. The process is warned once
 * (`JOBS_REDIS_MAY_LOSE`) of what that is not. A server whose `maxmemory-policy` evicts keys that have no
 * expiry is refused by every call with `JOBS_INVALID_CONFIG`.
 *
 * @throws {@link JobsError} `JOBS_INVALID_CONFIG` for a URL, a prefix or a history bound that is none.
 *
 * @example
 * ```ts
 * const store = createRedisStore({ url: 'redis://localhost:6379' })
 * const queue = createJobQueue({ name: 'default', store })
 * ```
 */
export function createRedisStore(options: RedisStoreOptions): JobStore {
  return openRedisStore(options)
}

/** What only tests may say. */
export interface TestOptions {
  /** The time instead of the server's own, in epoch milliseconds. */
  readonly now?: () => number
}

/** {@link createRedisStore} with a time that a test moves. */
export function openRedisStore(options: RedisStoreOptions, test: TestOptions = {}): JobStore {
  return new RedisStore(options, test)
}

const CAPABILITIES: StoreCapabilities = Object.freeze({
  uniqueKeys: true,
  orderingKeys: true,
  concurrencyKeys: true,
  groups: true,
  schedules: true,
  limits: true,
})

/** What keys begin with where nobody says otherwise. */
export const DEFAULT_PREFIX = 'cgk:jobs'
const MOST_SHARDS = 256

/** Wiring: each call has a file in `operations`, and a function of the same name in `functions`. */
class RedisStore implements JobStore {
  readonly name = 'redis'
  readonly capabilities = CAPABILITIES
  readonly #sender: CommandSender
  readonly #caller: FunctionsCaller
  readonly #registry: QueueRegistry
  readonly #tools: EnqueueTools
  readonly #maxAges: readonly string[]
  #isClosed = false

  constructor(options: RedisStoreOptions, { now }: TestOptions) {
    const { prefix = DEFAULT_PREFIX, history, shards = 1 } = options
    if (!/^[\w.:-]+$/.test(prefix)) {
      throw new JobsError(
        'JOBS_INVALID_CONFIG',
        "prefix must be letters, digits, '.', '_', ':' and '-'",
      )
    }
    if (!Number.isInteger(shards) || shards < 1 || shards > MOST_SHARDS) {
      throw new JobsError(
        'JOBS_INVALID_CONFIG',
        `shards must be a whole number from 1 to ${MOST_SHARDS}, not ${String(shards)}`,
      )
    }
    const { maxCounts, maxAges } = resolveHistory(history)
    const { sender, open } = serversOf(options as ServerSource, options)
    this.#maxAges = maxAges
    this.#sender = sender
    this.#caller = new FunctionsCaller({
      sender,
      prefix,
      shards: new Shards(prefix, shards),
      random: systemPorts.random,
      maxCounts,
      now,
      confirmations: confirmationsOf(options),
    })
    this.#registry = new QueueRegistry(this.#caller)
    this.#tools = {
      caller: this.#caller,
      registry: this.#registry,
      giveBack: new GiveBack(this.#caller),
      random: systemPorts.random,
      joiner: new SettleJoiner(shards === 1),
      wakeUps: new WakeUps(open, prefix),
    }
  }

  enqueue(jobs: readonly NewJob[], options?: CallOptions): Promise<readonly EnqueueResult[]> {
    return enqueue(this.#tools, jobs, options)
  }

  async claim(request: ClaimRequest, options?: CallOptions): Promise<ClaimResult> {
    const { claimed } = await this.settle({ settlements: [], claim: request }, options)
    return claimed!
  }

  extend(
    request: { readonly leases: readonly Lease[]; readonly leaseMs: number },
    options?: CallOptions,
  ): Promise<readonly LeaseState[]> {
    return extend(this.#caller, request, options)
  }

  settle(
    request: { readonly settlements: readonly Settlement[]; readonly claim?: ClaimRequest },
    options?: CallOptions,
  ): Promise<{ readonly results: readonly SettleResult[]; readonly claimed: ClaimResult | null }> {
    const tools = this.#tools
    return tools.joiner.settle(request, options, () => settle(tools, request, options))
  }

  report(reports: readonly AttemptReport[], options?: CallOptions): Promise<readonly boolean[]> {
    return report(this.#caller, reports, options)
  }

  maintain(
    request: { readonly limit: number },
    options?: CallOptions,
  ): ReturnType<LeaseStore['maintain']> {
    return maintain(this.#caller, this.#registry, this.#maxAges, request, options)
  }

  get(refs: readonly JobRef[], options?: CallOptions): Promise<readonly (JobRecord | null)[]> {
    return get(this.#caller, refs, options)
  }

  list(
    request: Parameters<JobCatalog['list']>[0],
    options?: CallOptions,
  ): ReturnType<JobCatalog['list']> {
    return list(this.#caller, request, options)
  }

  counts(request: Parameters<JobCatalog['counts']>[0], options?: CallOptions): Promise<JobCounts> {
    return counts(this.#caller, request, options)
  }

  cancel(refs: readonly JobRef[], options?: CallOptions): Promise<readonly ActionResult[]> {
    return act(this.#caller, 'cancel', refs, options)
  }

  retry(refs: readonly JobRef[], options?: CallOptions): Promise<readonly ActionResult[]> {
    return act(this.#caller, 'retry', refs, options)
  }

  remove(refs: readonly JobRef[], options?: CallOptions): Promise<readonly ActionResult[]> {
    return act(this.#caller, 'remove', refs, options)
  }

  pause(scope: LimitScope, options?: CallOptions): Promise<void> {
    return this.setLimits([{ scope, source: 'operator', limits: { paused: true } }], options)
  }

  resume(scope: LimitScope, options?: CallOptions): Promise<void> {
    return this.setLimits([{ scope, source: 'operator', limits: { paused: null } }], options)
  }

  isPaused(scope: LimitScope, options?: CallOptions): Promise<boolean> {
    return isPaused(this.#caller, scope, options)
  }

  setLimits(changes: readonly LimitChange[], options?: CallOptions): Promise<void> {
    return setLimits(this.#caller, this.#registry, changes, options)
  }

  getLimits(scopes: readonly LimitScope[], options?: CallOptions): Promise<readonly LimitState[]> {
    return getLimits(this.#caller, scopes, options)
  }

  listLimits(
    request: Parameters<JobControls['listLimits']>[0],
    options?: CallOptions,
  ): ReturnType<JobControls['listLimits']> {
    return listLimits(this.#caller, request, options)
  }

  listTenants(
    request: Parameters<JobControls['listTenants']>[0],
    options?: CallOptions,
  ): ReturnType<JobControls['listTenants']> {
    return listTenants(this.#caller, request, options)
  }

  enqueueGroups(
    groups: readonly NewGroup[],
    options?: CallOptions,
  ): ReturnType<GroupStore['enqueueGroups']> {
    return enqueueGroups(this.#caller, this.#registry, groups, options)
  }

  getGroups(
    refs: readonly GroupRef[],
    options?: CallOptions,
  ): Promise<readonly (GroupRecord | null)[]> {
    return getGroups(this.#caller, refs, options)
  }

  putSchedule(put: SchedulePut, options?: CallOptions): ReturnType<ScheduleStore['putSchedule']> {
    return putSchedule(this.#caller, this.#registry, put, options)
  }

  getSchedules(
    refs: readonly ScheduleRef[],
    options?: CallOptions,
  ): ReturnType<ScheduleStore['getSchedules']> {
    return getSchedules(this.#caller, refs, options)
  }

  listSchedules(
    request: Parameters<ScheduleStore['listSchedules']>[0],
    options?: CallOptions,
  ): ReturnType<ScheduleStore['listSchedules']> {
    return listSchedules(this.#caller, request, options)
  }

  dueSchedules(
    request: { readonly queues: readonly string[]; readonly limit: number },
    options?: CallOptions,
  ): ReturnType<ScheduleStore['dueSchedules']> {
    return dueSchedules(this.#caller, request, options)
  }

  advanceSchedules(
    advances: readonly ScheduleAdvance[],
    options?: CallOptions,
  ): Promise<readonly AdvanceResult[]> {
    return advanceSchedules(this.#caller, this.#registry, advances, options)
  }

  removeSchedules(
    refs: readonly ScheduleRef[],
    options?: CallOptions,
  ): Promise<readonly boolean[]> {
    return removeSchedules(this.#caller, refs, options)
  }

  subscribe(listener: (wakeUp: WakeUp) => void): () => void {
    if (this.#isClosed) throw closedError()
    return this.#tools.wakeUps.subscribe(listener)
  }

  async ping(options?: CallOptions): Promise<void> {
    await this.#caller.command(['PING'], options)
  }

  async close(): Promise<void> {
    this.#isClosed = true
    this.#tools.giveBack.close()
    this.#tools.wakeUps.close()
    this.#sender.close()
  }
}
