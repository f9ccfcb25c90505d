import type { CallOptions, JobRef, JobStore, Lease } from '@cgk/jobs-core'
import { complete } from '@cgk/jobs-core'
import { claimRequest } from './claim-jobs.ts'
import { newJob, QUEUE } from './new-job.ts'

/** One way to call a store. */
export interface StoreCall {
  readonly operation: string
  readonly call: (store: JobStore, options?: CallOptions) => Promise<unknown>
}

/** Every call of the port but `close`, each with a request that would do something. */
export function everyCall(waiting: JobRef, lease: Lease): readonly StoreCall[] {
  return [
    { operation: 'enqueue', call: (store, options) => store.enqueue([newJob()], options) },
    { operation: 'claim', call: (store, options) => store.claim(claimRequest(), options) },
    {
      operation: 'extend',
      call: (store, options) => store.extend({ leases: [lease], leaseMs: 3_600_000 }, options),
    },
    {
      operation: 'settle',
      call: (store, options) => store.settle({ settlements: [complete(lease)] }, options),
    },
    {
      operation: 'settle with claim',
      call: (store, options) => store.settle({ settlements: [], claim: claimRequest() }, options),
    },
    {
      operation: 'report',
      call: (store, options) => store.report([{ lease, progress: '1', log: ['line'] }], options),
    },
    { operation: 'maintain', call: (store, options) => store.maintain({ limit: 10 }, options) },
    { operation: 'get', call: (store, options) => store.get([waiting], options) },
    {
      operation: 'list',
      call: (store, options) => store.list({ queue: QUEUE, limit: 10 }, options),
    },
    { operation: 'counts', call: (store, options) => store.counts({ queue: QUEUE }, options) },
    { operation: 'cancel', call: (store, options) => store.cancel([waiting], options) },
    { operation: 'retry', call: (store, options) => store.retry([waiting], options) },
    { operation: 'remove', call: (store, options) => store.remove([waiting], options) },
    { operation: 'pause', call: (store, options) => store.pause({ queue: QUEUE }, options) },
    { operation: 'resume', call: (store, options) => store.resume({ queue: QUEUE }, options) },
    { operation: 'isPaused', call: (store, options) => store.isPaused({ queue: QUEUE }, options) },
    { operation: 'ping', call: (store, options) => store.ping(options) },
  ]
}
