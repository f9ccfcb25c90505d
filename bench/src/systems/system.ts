import type { JobStore } from '@cgk/jobs-core'
import type { Payload } from '../payload.ts'
import type { MeasuredServer } from '../servers/measured-server.ts'

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
  /** What it keeps its jobs in; absent where that is the process. */
  readonly server?: 'postgres' | 'redis'
  /** Most jobs that go through a queue of their own before anything counts, so that code is compiled. */
  readonly warmUpJobs: number
  /** Whether it takes a backlog away at all, in the time that somebody would wait for a figure. */
  readonly drains: boolean
  /** Whether it has no worker, and can be asked for nothing but to enqueue. */
  readonly enqueuesOnly?: boolean
  /** Whether it can enqueue in a transaction that the caller began: {@link OpenQueue.enqueueInTransaction}. */
  readonly joinsTransactions?: boolean
  /** Opens an empty queue of its own, or with an address another process's. */
  open(options?: QueueOptions): Promise<OpenQueue>
  /** Opens the bare store; absent where the system has no storage port. */
  openStore?(): Promise<OpenStore>
}

/** How a queue is to be opened, where the scenario cares. */
export interface QueueOptions {
  /** Handlers at once; by default as the system is set up. */
  readonly concurrency?: number
  /** Whose a job is, by its order; by default nobody's. Peers know no tenants and leave it unasked. */
  readonly tenantOf?: (order: number) => string
  /** The {@link OpenQueue.address} of a queue that another process opened, and will remove. */
  readonly address?: string
}

/** What a handler does with its job. */
export type Work = (payload: Payload) => void | Promise<void>

/** An empty queue, its worker not started. Disposing stops the worker and removes what was stored. */
export interface OpenQueue extends AsyncDisposable {
  /** Where other processes find it; absent where they cannot. */
  readonly address?: string
  /** What the queue costs its server; absent where there is none. */
  readonly server?: MeasuredServer
  /** Resolves when the job is accepted with all the durability that the system offers. */
  enqueueOne(payload: Payload): Promise<void>
  /** The same for many in one call, or the closest thing that the system has. */
  enqueueMany(payloads: readonly Payload[]): Promise<void>
  /** The same for jobs whose time does not come while anything is measured. */
  readonly enqueueDelayed?: OpenQueue['enqueueMany']
  /** Begins a transaction on a connection of the caller's, enqueues one job in it, and commits. */
  enqueueInTransaction?(payload: Payload): Promise<void>
  /** Starts the worker. Its handlers are async functions that do the work and return. */
  start(work: Work): void | Promise<void>
  /** Resolves when the end of every job is recorded. Called once all of them have started. */
  idle(): Promise<void>
}

/** A bare store. Disposing closes it and removes what was stored. */
interface OpenStore extends AsyncDisposable {
  readonly store: JobStore
}
