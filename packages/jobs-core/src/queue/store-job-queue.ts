import { currentTenant } from '@cgk/core'
import { JobsError } from '../errors.ts'
import type { AnyJobDefinition } from '../job/define-job.ts'
import type { Job, JobOptions } from '../job/job.ts'
import { jobFromRecord, readableJob, statusOf } from '../job/job-from-record.ts'
import { checkInteger } from '../job/job-options.ts'
import type { JobRequest } from '../job/job-request.ts'
import { checkJobId, checkTenantId, describe } from '../job/names.ts'
import type { JobLimits } from '../limits.ts'
import { retryOf } from '../processor/attempt-policy.ts'
import type { JobsRuntime } from '../runtime/jobs-runtime.ts'
import type { JobRecord, JobRef } from '../storage/job-record.ts'
import type { ActionResult, JobCounts, JobStatus, JobStore } from '../storage/job-store.ts'
import type { EnqueueResult, NewJob } from '../storage/new-job.ts'
import type { StoreSession } from '../worker/store-session.ts'
import { idConflict, isSameJob, refuseIdConflicts } from './id-conflicts.ts'
import type {
  DequeueOptions,
  JobAddress,
  JobListFilter,
  JobPage,
  JobQueue,
  TenantChoice,
} from './job-queue.ts'
import type { ManualLeases } from './manual-leases.ts'
import type { NewJobFactory } from './new-job-factory.ts'

const DEFAULT_PAGE = 100
const LARGEST_PAGE = 1_000
const DEFAULT_MANUAL_LEASE_MS = 30_000
const LONGEST_LEASE_MS = 2 ** 31 - 1

/** What a {@link StoreJobQueue} is made of. */
export interface StoreJobQueueParts {
  readonly name: string
  readonly session: StoreSession
  readonly runtime: JobsRuntime
  readonly limits: JobLimits
  readonly definitions: ReadonlyMap<string, AnyJobDefinition>
  readonly newJobs: NewJobFactory
  readonly leases: ManualLeases
}

/** The queue on a store: checks what comes in, speaks to the store, shows records as jobs. */
export class StoreJobQueue implements JobQueue {
  readonly name: string
  readonly store: JobStore
  readonly #parts: StoreJobQueueParts

  constructor(parts: StoreJobQueueParts) {
    this.name = parts.name
    this.store = parts.session.store
    this.#parts = parts
  }

  async enqueue<TPayload>(
    job: string | AnyJobDefinition,
    payload: TPayload,
    options?: JobOptions,
  ): Promise<Job<TPayload>> {
    const created = this.#parts.newJobs.create(job, payload, options)
    const newJob = created instanceof Promise ? await created : created
    const [result] = await this.#parts.session.enqueuer.enqueue([newJob])
    return this.#enqueued(job, newJob, result!) as Job<TPayload>
  }

  async enqueueMany(jobs: readonly JobRequest[]): Promise<Job<unknown>[]> {
    const newJobs = await Promise.all(
      jobs.map(async (request: JobRequest | null | undefined, index) => {
        try {
          const { job, payload, options } = (request ?? {}) as JobRequest
          return await this.#parts.newJobs.create(job, payload, options)
        } catch (cause) {
          const { code, message, retryable } = cause as JobsError
          throw new JobsError(code, `job ${index} of the batch: ${message}`, { retryable, cause })
        }
      }),
    )
    if (newJobs.length === 0) return []
    await refuseIdConflicts(this.#parts.session, newJobs)
    const results = await this.#parts.session.enqueuer.enqueue(newJobs)
    return newJobs.map((newJob, index) => this.#enqueued(jobs[index]!.job, newJob, results[index]!))
  }

  async getJob(job: JobAddress): Promise<Job<unknown> | null> {
    const { session } = this.#parts
    const refs = [this.#refOf(job)]
    const [record] = await session.call('get', (call) => this.store.get(refs, call))
    return record == null ? null : this.#jobOf(record)
  }

  async listJobs(filter: JobStatus | JobListFilter = {}): Promise<JobPage> {
    const {
      status,
      name,
      tenantId = currentTenant(),
      limit = DEFAULT_PAGE,
      cursor,
    } = typeof filter === 'string' ? { status: filter } : filter
    checkInteger('limit', limit, 1, LARGEST_PAGE)
    const request = {
      queue: this.name,
      limit,
      ...(tenantId !== undefined && { tenantId: checkScope(tenantId) }),
      ...(status !== undefined && { statuses: checkStatuses(listOf(status)) }),
      ...(name !== undefined && { names: listOf(name) }),
      ...(cursor !== undefined && { cursor }),
    }
    const { session } = this.#parts
    const page = await session.call('list', (call) => this.store.list(request, call))
    const jobs = page.jobs.map((record) => this.#jobOf(record))
    return page.nextCursor === null ? jobs : Object.assign(jobs, { nextCursor: page.nextCursor })
  }

  async counts({ tenantId = currentTenant() }: TenantChoice = {}): Promise<JobCounts> {
    const request = {
      queue: this.name,
      ...(tenantId !== undefined && { tenantId: checkScope(tenantId) }),
    }
    return this.#parts.session.call('counts', (call) => this.store.counts(request, call))
  }

  async cancelJob(job: JobAddress): Promise<Job<unknown>> {
    const { status, job: record } = await this.#act('cancel', job)
    if (status === 'unchanged' && record.state !== 'cancelled') {
      throw illegal('cancelled', record, `it is ${record.state}`)
    }
    return this.#jobOf(record)
  }

  async retryJob(job: JobAddress): Promise<Job<unknown>> {
    const { status, job: record } = await this.#act('retry', job)
    if (status === 'unchanged') {
      const held = record.state === 'cancelled' ? ', and its worker still holds it' : ''
      throw illegal('retried', record, `it is ${this.#jobOf(record).status}${held}`)
    }
    return this.#jobOf(record)
  }

  async removeJob(job: JobAddress): Promise<void> {
    const { status, job: record } = await this.#act('remove', job)
    if (status === 'unchanged') {
      throw illegal('removed', record, 'a worker holds it; cancel it first')
    }
  }

  async pause(): Promise<void> {
    const scope = { queue: this.name }
    await this.#parts.session.call('pause', (call) => this.store.pause(scope, call))
  }

  async resume(): Promise<void> {
    const scope = { queue: this.name }
    await this.#parts.session.call('resume', (call) => this.store.resume(scope, call))
  }

  async isPaused(): Promise<boolean> {
    const scope = { queue: this.name }
    return this.#parts.session.call('isPaused', (call) => this.store.isPaused(scope, call))
  }

  async dequeue(limit = 10, options: DequeueOptions = {}): Promise<Job<unknown>[]> {
    const { leaseMs = DEFAULT_MANUAL_LEASE_MS } = options
    checkInteger('limit', limit, 1, LARGEST_PAGE)
    checkInteger('leaseMs', leaseMs, 1_000, LONGEST_LEASE_MS)
    const claimed = await this.#parts.leases.take(limit, leaseMs)
    return claimed.map((record) => this.#jobOf(record))
  }

  async acknowledge(
    job: JobAddress,
    outcome: 'completed' | 'failed',
    error: Error = new Error('acknowledged as failed'),
  ): Promise<void> {
    if (outcome !== 'completed' && outcome !== 'failed') {
      throw new JobsError('JOBS_INVALID_OPTION', "outcome must be 'completed' or 'failed'")
    }
    const { id, tenantId } = this.#refOf(job)
    const owner = { id, tenantId: typeof job === 'string' ? undefined : tenantId }
    await this.#parts.leases.end(owner, outcome === 'failed', error)
  }

  async #act(
    action: 'cancel' | 'retry' | 'remove',
    job: JobAddress,
  ): Promise<Exclude<ActionResult, { status: 'notFound' }>> {
    const ref = this.#refOf(job)
    const { session } = this.#parts
    const [result] = await session.call(action, (call) => this.store[action]([ref], call))
    if (result === undefined || result.status === 'notFound') {
      throw new JobsError(
        'JOBS_NOT_FOUND',
        `Job not found: ${ref.id} (queue ${ref.queue}, ${ref.tenantId === null ? 'no tenant' : `tenant ${ref.tenantId}`})`,
      )
    }
    return result
  }

  #refOf(job: JobAddress): JobRef {
    // An object says itself whose job it is. A job without a tenant must not turn, inside of one, into
    // that tenant's job of the same id.
    const { id, tenantId } =
      typeof job === 'string' ? { id: job, tenantId: currentTenant() } : (job ?? { id: job })
    return {
      queue: this.name,
      id: checkJobId(id, this.#parts.limits.idLength),
      tenantId: checkScope(tenantId ?? null),
    }
  }

  #jobOf(record: JobRecord): Job<unknown> {
    const { definitions, runtime } = this.#parts
    const { maxAttempts } = retryOf(definitions.get(record.name))
    return readableJob(record, statusOf(record, runtime.ports.clock.now()), maxAttempts)
  }

  #enqueued(job: string | AnyJobDefinition, newJob: NewJob, result: EnqueueResult): Job<unknown> {
    if (result.status === 'existing') return this.#existing(newJob, result.job)
    const { id, createdAt, runAt } = result
    const record: JobRecord = {
      queue: newJob.queue,
      tenantId: newJob.tenantId,
      id,
      name: newJob.name,
      payload: newJob.payload,
      metadata: newJob.metadata ?? null,
      priority: newJob.priority,
      state: 'pending',
      createdAt,
      updatedAt: createdAt,
      runAt,
      startedAt: null,
      endedAt: null,
      attempts: 0,
      releases: 0,
      lostLeases: 0,
      generation: 1,
      maxAttempts: newJob.maxAttempts ?? null,
      retryDelayMs: newJob.retryDelayMs ?? null,
      timeoutMs: newJob.timeoutMs ?? null,
      result: null,
      error: null,
      progress: null,
      log: [],
    }
    const definition = typeof job === 'string' ? this.#parts.definitions.get(job) : job
    const { maxAttempts } = retryOf(definition)
    return jobFromRecord(record, statusOf(record, createdAt), maxAttempts)
  }

  #existing(newJob: NewJob, record: JobRecord): Job<unknown> {
    if (isSameJob(record, newJob)) return this.#jobOf(record)
    throw idConflict(newJob, record.name)
  }
}

function checkScope(tenantId: string | null): string | null {
  return tenantId === null ? null : checkTenantId(tenantId)
}

const STATUSES: Readonly<Record<JobStatus, true>> = {
  pending: true,
  scheduled: true,
  running: true,
  retrying: true,
  completed: true,
  failed: true,
  cancelled: true,
}

function checkStatuses(statuses: readonly JobStatus[]): readonly JobStatus[] {
  for (const status of statuses) {
    if (!Object.hasOwn(STATUSES, status)) {
      throw new JobsError(
        'JOBS_INVALID_OPTION',
        `there is no status ${describe(status)}; there are ${Object.keys(STATUSES).join(', ')}`,
      )
    }
  }
  return statuses
}

function listOf<T extends string>(value: T | readonly T[]): readonly T[] {
  return typeof value === 'string' ? [value] : value
}

function illegal(action: string, record: JobRecord, why: string): JobsError {
  return new JobsError(
    'JOBS_ILLEGAL_TRANSITION',
    `job ${record.id} of queue ${record.queue} cannot be ${action}: ${why}`,
  )
}
