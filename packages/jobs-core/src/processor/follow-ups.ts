import { withTenant } from '@cgk/core'
import { JobsError } from '../errors.ts'
import { errorAt } from '../job/error-at.ts'
import { isRecord } from '../job/check-job-options.ts'
import type { JobOptions } from '../job/job.ts'
import { checkRequest, type JobRequest } from '../job/job-request.ts'
import type { NewJobFactory } from '../queue/new-job-factory.ts'
import type { ClaimedJob } from '../storage/lease.ts'
import type { NewJob } from '../storage/new-job.ts'
import type { FollowUpConflict } from '../storage/settlement.ts'

/**
 * The follow-ups of an attempt, checked and serialised. They stay in the tenant of its job and inherit
 * its headers; a header that a follow-up names itself wins.
 */
export function createFollowUps(
  requests: readonly JobRequest[],
  { tenantId }: ClaimedJob,
  headers: Readonly<Record<string, string>> | null,
  newJobs: NewJobFactory,
): Promise<readonly NewJob[]> {
  return Promise.all(
    requests.map(async (request, index) => {
      try {
        const { job, payload, options } = checkRequest(request)
        if (options?.tenantId !== undefined && options.tenantId !== tenantId) {
          throw new JobsError(
            'JOBS_INVALID_OPTION',
            "it names another tenant; follow-ups stay in the job's own",
          )
        }
        // Awaited here: what a schema finds late is about this one, too.
        return await withTenant(tenantId, () =>
          newJobs.create(job, payload, inherit(headers, options)),
        )
      } catch (cause) {
        throw errorAt(`followUps[${index}]`, cause)
      }
    }),
  )
}

function inherit(
  headers: Readonly<Record<string, string>> | null,
  options: JobOptions | undefined,
): JobOptions | undefined {
  if (headers === null) return options
  const own: unknown = options?.headers
  // What is no object is left as it is, for the check to refuse.
  if (own !== undefined && !isRecord(own)) return options
  return { ...options, headers: { ...headers, ...options?.headers } }
}

/** Why a settlement with follow-ups was refused. */
export function followUpConflict({ index, holderName }: FollowUpConflict): JobsError {
  return new JobsError(
    'JOBS_ID_CONFLICT',
    `the jobId of followUps[${index}] belongs to another job, named ${holderName}`,
  )
}
