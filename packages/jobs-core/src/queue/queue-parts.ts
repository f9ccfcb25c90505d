import type { QueueEvents } from '../events/queue-events.ts'
import type { SizeLimits } from '../size-limits.ts'
import type { EnqueueChain } from '../middleware/enqueue-middleware.ts'
import type { JobsRuntime } from '../runtime/jobs-runtime.ts'
import type { StoreSession } from '../worker/store-session.ts'
import type { JobViewer } from './job-viewer.ts'
import type { NewJobFactory } from './new-job-factory.ts'

/** What the parts of one queue share. */
export interface QueueParts {
  readonly name: string
  readonly session: StoreSession
  readonly runtime: JobsRuntime
  readonly sizes: SizeLimits
  readonly newJobs: NewJobFactory
  readonly viewer: JobViewer
  readonly events: QueueEvents
  readonly middleware: EnqueueChain
}
