export { calculateRetryDelay } from './backoff/calculate-retry-delay.ts'
export { type Backoff, DEFAULT_RETRY, type RetryConfig } from './backoff/retry-policy.ts'
export {
  isJobsError,
  JobsError,
  type JobsErrorCode,
  type JobsErrorOptions,
  PermanentError,
  RetryAfterError,
} from './errors.ts'
export {
  type AnyJobDefinition,
  defineJob,
  type InputOf,
  type JobDefaults,
  type JobDefinition,
  type JobsOf,
  type ResultOf,
} from './job/define-job.ts'
export type { Job, JobError, JobOptions } from './job/job.ts'
export { createJobId, type ParsedJobId, parseJobId } from './job/job-id.ts'
export { jobRequest, type JobRequest } from './job/job-request.ts'
export {
  type JobFailure,
  type JobResult,
  type JobSnooze,
  type JobSuccess,
  snooze,
} from './job/job-result.ts'
export { DEFAULT_LIMITS, type JobLimits } from './limits.ts'
export type { AttemptContext, JobHandler } from './processor/job-handler.ts'
export type { JobProcessor, ProcessorConfig, ProcessorStatus } from './processor/job-processor.ts'
export { processJobs } from './processor/process-jobs.ts'
export { createJobQueue, type JobQueueConfig, type QueueJobs } from './queue/create-job-queue.ts'
export type {
  DequeueOptions,
  JobAddress,
  JobListFilter,
  JobPage,
  JobQueue,
  TenantChoice,
} from './queue/job-queue.ts'
export type { Tenancy } from './queue/new-job-factory.ts'
export { createRuntime, type JobsRuntime } from './runtime/jobs-runtime.ts'
export type {
  CancelTimer,
  Clock,
  JobsLogger,
  Random,
  RuntimePorts,
  Timers,
} from './runtime/ports.ts'
export { systemPorts } from './runtime/system-runtime.ts'
export type { EndState, JobRecord, JobRef, JobState, StoredError } from './storage/job-record.ts'
export type {
  ActionResult,
  CallOptions,
  ControlScope,
  JobCatalog,
  JobControls,
  JobCounts,
  JobFilter,
  JobSink,
  JobStatus,
  JobStore,
  LeaseStore,
  StoreCapabilities,
  WakeUp,
} from './storage/job-store.ts'
export {
  type AttemptReport,
  type ClaimedJob,
  type ClaimRequest,
  type ClaimResult,
  type Lease,
  type LeaseState,
  MAX_LOG_LINES,
} from './storage/lease.ts'
export type { EnqueueResult, NewJob } from './storage/new-job.ts'
export {
  complete,
  fail,
  type Outcome,
  release,
  retry,
  type Settlement,
  type SettleResult,
} from './storage/settlement.ts'
