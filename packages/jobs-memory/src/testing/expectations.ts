import type { AnyJobDefinition, Job } from '@cgk/jobs-core'
import { describeJobs, describeValue, ExpectationError } from './expectation-error.ts'
import type { JobLog } from './job-log.ts'
import { matchesPart } from './partial-match.ts'

/** Which jobs a call of a test means. */
export interface ExpectedTenant {
  /** A tenant, or `null` for jobs without one. @defaultValue any */
  readonly tenantId?: string | null
}

/** What a test says about the jobs of its queue. */
export class Expectations {
  readonly #log: JobLog

  constructor(log: JobLog) {
    this.#log = log
  }

  /** Every job of a name, or every job. */
  async list(
    job: AnyJobDefinition | string | undefined,
    { tenantId }: ExpectedTenant = {},
  ): Promise<Job<unknown>[]> {
    const name = job === undefined ? undefined : nameOf(job)
    return (await this.#log.list()).filter(
      (one) =>
        (name === undefined || one.name === name) &&
        (tenantId === undefined || (one.tenantId ?? null) === tenantId),
    )
  }

  /** The first that matches. @throws {@link ExpectationError} */
  async some(
    job: AnyJobDefinition | string,
    payload: unknown,
    tenant?: ExpectedTenant,
  ): Promise<Job<unknown>> {
    const [found] = await this.#matching(job, payload, tenant)
    if (found !== undefined) return found
    const all = await this.#log.list()
    const there = all.length === 0 ? 'no job was enqueued' : `there is:\n${describeJobs(all)}`
    throw new ExpectationError(
      `expected ${describe(job, payload, tenant)} to be enqueued; ${there}`,
      expectedJob(job, payload, tenant),
      all.map(shownJob),
    )
  }

  /** @throws {@link ExpectationError} */
  async none(
    job: AnyJobDefinition | string,
    payload: unknown,
    tenant?: ExpectedTenant,
  ): Promise<void> {
    const found = await this.#matching(job, payload, tenant)
    if (found.length === 0) return
    throw new ExpectationError(
      `expected ${describe(job, payload, tenant)} not to be enqueued; there is:\n${describeJobs(found)}`,
      [],
      found.map(shownJob),
    )
  }

  async #matching(
    job: AnyJobDefinition | string,
    payload: unknown,
    tenant: ExpectedTenant | undefined,
  ): Promise<Job<unknown>[]> {
    const jobs = await this.list(job, tenant)
    return payload === undefined ? jobs : jobs.filter((one) => matchesPart(one.payload, payload))
  }
}

function describe(
  job: AnyJobDefinition | string,
  payload: unknown,
  { tenantId }: ExpectedTenant = {},
): string {
  const of = tenantId === undefined ? '' : ` of ${tenantId ?? 'no tenant'}`
  const like = payload === undefined ? '' : ` with ${describeValue(payload)}`
  return `a job "${nameOf(job)}"${of}${like}`
}

function expectedJob(
  job: AnyJobDefinition | string,
  payload: unknown,
  tenant: ExpectedTenant | undefined,
): object {
  return { name: nameOf(job), ...(payload !== undefined && { payload }), ...tenant }
}

function shownJob({ name, payload, tenantId }: Job<unknown>): object {
  return { name, payload, ...(tenantId !== undefined && { tenantId }) }
}

function nameOf(job: AnyJobDefinition | string): string {
  return typeof job === 'string' ? job : job.name
}
