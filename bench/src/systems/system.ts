import type { JobStore } from '@cgk/jobs-core'
import type { Payload } from '../payload.ts'

/** Plain facts printed beside each result. */
export type Settings = Readonly<Record<string, string | number | boolean>>

/** One queue under measurement: ours on one store, or another library. */
export interface System {
  /** As `--systems` names it. */
  readonly name: string
  /** How it is set up, and what it does not do that others do. */
  readonly settings: Settings
  /** The packages whose versions the figures depend on. */
  readonly packages: readonly string[]
  /** Opens an empty queue of its own. Each call is independent of those before it. */
  open(): Promise<OpenQueue>
  /** Opens the bare store; absent where the system has no storage port. */
  openStore?(): Promise<JobStore>
}

/** An empty queue, its worker not started. Disposing stops the worker and removes what was stored. */
export interface OpenQueue extends AsyncDisposable {
  /** Resolves when the job is accepted with all the durability that the system offers. */
  enqueueOne(payload: Payload): Promise<void>
  /** The same for many in one call, or the closest thing that the system has. */
  enqueueMany(payloads: readonly Payload[]): Promise<void>
  /** Starts the worker. Its handlers are async functions that call `onStart` and return. */
  start(onStart: (payload: Payload) => void): void | Promise<void>
  /** Resolves when the end of every job is recorded. Called once all of them have started. */
  idle(): Promise<void>
}
