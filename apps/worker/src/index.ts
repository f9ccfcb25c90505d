export {
  defineWorkerConfig,
  type DirectorySource,
  type HealthConfig,
  type JobSource,
  type QueueConfig,
  type StoreSource,
  type WorkerConfig,
  type WorkerHook,
  type WorkerHooks,
} from './config.ts'
export { fileDirectory } from './file-directory.ts'
export type { LogLevel } from './log-level.ts'
export type { FileCounts, RunningWorker } from './running-worker.ts'
