import type { CallOptions, JobRef, JobStore, Lease } from '@cgk/jobs-core'
import { complete } from '@cgk/jobs-core'
import { claimRequest } from './claim-jobs.ts'
import { GROUP, newGroup } from './new-group.ts'
import { newJob, QUEUE } from './new-job.ts'
import { newSchedule, SCHEDULE } from './new-schedule.ts'

/** One way to call a store. */
export interface StoreCall {
  readonly operation: string
  readonly call: (store: JobStore, options?: CallOptions) => Promise<unknown>
}

/** Every call of the port but `close` that the store supports, each with a request that would do something. */
export function everyCall(
  { capabilities }: JobStore,
  waiting: JobRef,
  lease: Lease,
): readonly StoreCall[] {
  return [
    ...jobCalls(waiting, lease),
    ...(capabilities.groups ? GROUP_CALLS : []),
    ...(capabilities.schedules ? SCHEDULE_CALLS : []),
    ...(capabilities.limits ? LIMIT_CALLS : []),
  ]
}

function jobCalls(waiting: JobRef, lease: Lease): readonly StoreCall[] {
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

const GROUP_CALLS: readonly StoreCall[] = [
  {
    operation: 'enqueueGroups',
    call: (store, options) => store.enqueueGroups([newGroup({ members: [newJob()] })], options),
  },
  { operation: 'getGroups', call: (store, options) => store.getGroups([GROUP], options) },
]

const SCHEDULE_CALLS: readonly StoreCall[] = [
  {
    operation: 'putSchedule',
    call: (store, options) => store.putSchedule(newSchedule(), options),
  },
  { operation: 'getSchedules', call: (store, options) => store.getSchedules([SCHEDULE], options) },
  {
    operation: 'listSchedules',
    call: (store, options) => store.listSchedules({ queue: QUEUE, limit: 10 }, options),
  },
  {
    operation: 'dueSchedules',
    call: (store, options) => store.dueSchedules({ queues: [QUEUE], limit: 10 }, options),
  },
  {
    operation: 'advanceSchedules',
    call: (store, options) =>
      store.advanceSchedules(
        [
          {
            ...SCHEDULE,
            expected: { createdAt: 0, revision: 1, nextAt: 0 },
            nextAt: null,
            ticks: [{ tickAt: 0, jobs: [newJob()] }],
          },
        ],
        options,
      ),
  },
  {
    operation: 'removeSchedules',
    call: (store, options) => store.removeSchedules([SCHEDULE], options),
  },
]

const LIMIT_CALLS: readonly StoreCall[] = [
  {
    operation: 'setLimits',
    call: (store, options) =>
      store.setLimits(
        [{ scope: { queue: QUEUE }, source: 'operator', limits: { concurrency: 50 } }],
        options,
      ),
  },
  {
    operation: 'getLimits',
    call: (store, options) => store.getLimits([{ queue: QUEUE }], options),
  },
  {
    operation: 'listLimits',
    call: (store, options) => store.listLimits({ queue: QUEUE, limit: 10 }, options),
  },
  {
    operation: 'listTenants',
    call: (store, options) => store.listTenants({ queue: QUEUE, limit: 10 }, options),
  },
]
