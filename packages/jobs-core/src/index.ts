export { calculateRetryDelay } from './backoff/calculate-retry-delay.ts'
export { type Backoff, DEFAULT_RETRY, type RetryConfig } from './backoff/retry-policy.ts'
export {
  type FullBacklog,
  isJobsError,
  JobsError,
  type JobsErrorCode,
  type JobsErrorOptions,
  PermanentError,
  RetryAfterError,
} from './errors.ts'
export type { JobEvent, JobEventListener, JobEventType } from './events/job-event.ts'
export {
  type AnyJobDefinition,
  defineJob,
  type InputOf,
  type JobDefaults,
  type JobDefinition,
  type JobsOf,
  type ResultOf,
} from './job/define-job.ts'
export type {
  FailedAttempt,
  Job,
  JobError,
  JobOptions,
  TenantJobOptions,
  UniqueKeyOption,
} from './job/job.ts'
export type { DrainOptions } from './limits/drain.ts'
export type {
  AppliedLimits,
  BreakerOption,
  LimitChanges,
  LimitListFilter,
  LimitPage,
  LimitStatus,
  QueueScope,
  RateOption,
  ScopeLimits,
  StatedBySource,
  StatedLimits,
} from './limits/limit-options.ts'
export { createJobId, type ParsedJobId, parseJobId } from './job/job-id.ts'
export { jobRequest, type JobRequest } from './job/job-request.ts'
export {
  type JobFailure,
  type JobResult,
  type JobSnooze,
  type JobSuccess,
  snooze,
} from './job/job-result.ts'
export { DEFAULT_SIZES, type SizeLimits } from './size-limits.ts'
export type {
  EnqueueContext,
  EnqueueMiddleware,
  JobDraft,
} from './middleware/enqueue-middleware.ts'
export type { HandlerMiddleware } from './middleware/handler-middleware.ts'
export {
  type AttemptCompletion,
  type Completion,
  completionOf,
} from './processor/attempt-completion.ts'
export type { AttemptContext, Effect, JobHandler, Remembered } from './processor/job-handler.ts'
export type {
  JobProcessor,
  ProcessorConfig,
  ProcessorStatus,
  StoreStatus,
} from './processor/job-processor.ts'
export { processJobs } from './processor/process-jobs.ts'
export { createJobQueue, type JobQueueConfig, type QueueJobs } from './queue/create-job-queue.ts'
export { enqueueInto, type Enqueuing } from './queue/enqueue-into.ts'
export type {
  GroupCallbacks,
  GroupMember,
  GroupOptions,
  NestedGroup,
} from './queue/group-request.ts'
export type { EnqueuedGroup, JobGroup } from './queue/job-group.ts'
export type { JobAddress } from './queue/job-address.ts'
export type { DequeueOptions, JobListFilter, JobPage, JobQueue } from './queue/job-queue.ts'
export type { JobSelection, TenantChoice } from './queue/job-selection.ts'
export type {
  BulkAnswer,
  BulkOptions,
  BulkProgress,
  OperatorCalls,
  ProgressOptions,
  RemoveOptions,
  TenantListFilter,
  TenantLoad,
  TenantPage,
} from './queue/operator-calls.ts'
export type {
  TenantAddress,
  TenantBulkAnswer,
  TenantEnqueuedGroup,
  TenantGroup,
  TenantGroupMember,
  TenantGroupOptions,
  TenantJob,
  TenantJobEvent,
  TenantJobListFilter,
  TenantJobPage,
  TenantJobRequest,
  TenantLimitPage,
  TenantLimitStatus,
  TenantQueue,
  TenantSchedule,
  TenantSchedulePage,
  TenantSchedules,
  TenantScheduleSpec,
  TenantScope,
  TenantSelection,
  TenantStatedLimits,
} from './queue/tenant-queue.ts'
export type { Tenancy } from './queue/new-job-factory.ts'
export type { WaitOptions } from './queue/wait-for-job.ts'
export { type Relay, relay, type RelayConfig } from './relay/relay.ts'
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
export type {
  Schedule,
  ScheduleAddress,
  ScheduleJobOptions,
  ScheduleListFilter,
  ScheduleOutcome,
  SchedulePage,
  ScheduleRun,
  Schedules,
  ScheduleSpec,
  ScheduleTimes,
} from './schedule/schedule.ts'
export type { CatchUp } from './schedule/stored-spec.ts'
export type { TenantSource } from './schedule/tick-jobs.ts'
export type { GroupRecord, GroupRef, GroupStore, NewGroup } from './storage/job-group.ts'
export {
  type AttemptFailure,
  type EndState,
  type GroupLinks,
  type JobKeys,
  type JobRecord,
  type JobRef,
  type JobState,
  MAX_FAILURES,
  type ScheduledTick,
  type StoredError,
} from './storage/job-record.ts'
export type { JobControls } from './storage/job-controls.ts'
export type {
  ActionResult,
  CallOptions,
  JobCatalog,
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
export {
  type Breaker,
  DEFAULT_BREAKER,
  DEFAULT_WEIGHT,
  EACH_TENANT,
  type LimitChange,
  type Limits,
  type LimitScope,
  type LimitSource,
  type LimitState,
  type RateLimit,
  type StoredLimits,
  type TenantStanding,
} from './storage/limits.ts'
export type { Answered } from './storage/answered.ts'
export { backlogFull, type EnqueueResult, idConflict, type NewJob } from './storage/new-job.ts'
export type {
  AdvanceResult,
  ScheduleAdvance,
  ScheduleEnd,
  ScheduleFire,
  SchedulePut,
  ScheduleRecord,
  ScheduleRef,
  ScheduleStore,
} from './storage/schedule.ts'
export type {
  StoreAdmin,
  StoreFinding,
  StoreMigrations,
  StoreSchema,
} from './storage/store-admin.ts'
export {
  complete,
  fail,
  type FollowUpConflict,
  type Outcome,
  pauseLimiter,
  release,
  retry,
  type Settlement,
  type SettleResult,
} from './storage/settlement.ts'
export type { UniqueKey } from './storage/unique-key.ts'
export {
  functionDirectory,
  type FunctionDirectoryOptions,
  type TenantFunction,
} from './tenants/function-directory.ts'
export { listDirectory, type ListDirectory } from './tenants/list-directory.ts'
export type {
  LimiterEntry,
  Tenant,
  TenantEntry,
  TenantMap,
  TenantStatus,
} from './tenants/tenant.ts'
export type { TenantDirectory } from './tenants/tenant-directory.ts'
export {
  createTenantStores,
  type OpenedStore,
  type TenantStores,
  type TenantStoresConfig,
} from './tenants/tenant-stores.ts'
