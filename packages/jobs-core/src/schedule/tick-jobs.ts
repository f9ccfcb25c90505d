import { withTenant } from '@cgk/core'
import type { AnyJobDefinition } from '../job/define-job.ts'
import { checkTenantId } from '../job/names.ts'
import type { NewJobFactory } from '../queue/new-job-factory.ts'
import type { NewJob } from '../storage/new-job.ts'
import type { ScheduleRecord, ScheduleRef } from '../storage/schedule.ts'
import { invalidSchedule } from './check-times.ts'
import { overlapKey } from './overlap-key.ts'
import type { StoredAction } from './stored-spec.ts'

/** The tenants of a queue: a list, or what tells them at each tick. */
export type TenantSource = readonly string[] | (() => Iterable<string> | Promise<Iterable<string>>)

/** Makes the jobs of a tick, one or one per tenant; `null` for a run out of turn. */
export type JobsOfTick = (tickAt: number | null) => NewJob[]

type FindDefinition = (name: string) => AnyJobDefinition | undefined

/** Makes the jobs of one queue's schedules. */
export class TickJobFactory {
  readonly #newJobs: NewJobFactory
  readonly #tenants: TenantSource | undefined
  readonly #definitionOf: FindDefinition

  /** @param definitionOf - finds definitions that the queue itself does not know. */
  constructor(
    newJobs: NewJobFactory,
    tenants: TenantSource | undefined,
    definitionOf: FindDefinition = () => undefined,
  ) {
    this.#newJobs = newJobs
    this.#tenants = tenants
    this.#definitionOf = definitionOf
  }

  /** The same with definitions that the queue itself does not know. */
  knowing(definitionOf: FindDefinition): TickJobFactory {
    return new TickJobFactory(this.#newJobs, this.#tenants, definitionOf)
  }

  /** Whether there can be schedules for each tenant. */
  get hasTenants(): boolean {
    return this.#tenants !== undefined
  }

  /** @throws {@link JobsError} as `JobQueue.enqueue` says, and when the tenants are not known. */
  async jobsOf(
    { id, tenantId, createdAt }: ScheduleRecord,
    action: StoredAction,
  ): Promise<JobsOfTick> {
    const tenants = action.forEach === undefined ? [tenantId] : await this.#listTenants()
    const [first] = tenants
    if (first === undefined) return () => []
    const definition = this.#definitionOf(action.job)
    // A handler may be registered under another name than its definition's.
    const known = definition?.name === action.job ? definition : action.job
    const job = await this.template({ id, tenantId }, action, first, known)
    return (tickAt) => {
      const schedule = { id, tenantId, createdAt, tickAt }
      return tenants.map((tenant) => ({ ...job, tenantId: tenant, schedule }))
    }
  }

  /**
   * The job of any tick.
   *
   * @param tenantId - the job's; that of the schedule says whose its key is.
   * @throws {@link JobsError} as `JobQueue.enqueue` says.
   */
  async template(
    schedule: Pick<ScheduleRef, 'id' | 'tenantId'>,
    { payload, options, overlap }: StoredAction,
    tenantId: string | null,
    job: string | AnyJobDefinition,
  ): Promise<NewJob> {
    const uniqueKey = overlap === 'skip' ? { uniqueKey: overlapKey(schedule) } : {}
    return withTenant(tenantId, () =>
      this.#newJobs.create(job, payload, { ...options, ...uniqueKey }),
    )
  }

  async #listTenants(): Promise<string[]> {
    if (this.#tenants === undefined) {
      throw invalidSchedule(
        "forEach: 'tenant' needs the queue's tenants: a list, a function or a directory",
      )
    }
    const listed = typeof this.#tenants === 'function' ? await this.#tenants() : this.#tenants
    return [...new Set([...listed].map(checkTenantId))]
  }
}
