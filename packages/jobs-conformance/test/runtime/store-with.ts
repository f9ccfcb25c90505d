import type { JobStore } from '@cgk/jobs-core'

/** A store that answers some calls as told and passes the others on. */
export function storeWith(inner: JobStore, overrides: Partial<JobStore>): JobStore {
  return new Proxy(inner, {
    get(target, key) {
      if (Object.hasOwn(overrides, key)) return Reflect.get(overrides, key) as unknown
      const value: unknown = Reflect.get(target, key)
      return typeof value === 'function' ? (value.bind(target) as unknown) : value
    },
  })
}

type Operation = Exclude<keyof JobStore, 'name' | 'capabilities' | 'subscribe' | 'close'>

const OPERATIONS = [
  'enqueue',
  'claim',
  'extend',
  'settle',
  'report',
  'maintain',
  'get',
  'list',
  'counts',
  'cancel',
  'retry',
  'remove',
  'pause',
  'resume',
  'isPaused',
  'setLimits',
  'getLimits',
  'listLimits',
  'listTenants',
  'enqueueGroups',
  'getGroups',
  'putSchedule',
  'getSchedules',
  'listSchedules',
  'dueSchedules',
  'advanceSchedules',
  'removeSchedules',
  'ping',
] as const satisfies readonly Operation[]

/** What happens to a call: it goes through, or whatever the fault makes of it. */
export type Fault = (
  operation: Operation,
  proceed: () => Promise<unknown>,
  request: unknown,
) => Promise<unknown> | undefined

/** A store whose every call can be given a fault; without one, a call goes through. */
export function faultyStore(inner: JobStore, fault: Fault): JobStore {
  const overrides: Partial<Record<Operation, unknown>> = {}
  for (const operation of OPERATIONS) {
    overrides[operation] = (...args: never[]) => {
      const call = inner[operation].bind(inner) as (...args: never[]) => Promise<unknown>
      const proceed = (): Promise<unknown> => call(...args)
      return fault(operation, proceed, args[0]) ?? proceed()
    }
  }
  return storeWith(inner, overrides as Partial<JobStore>)
}

/** One call as the store heard it. */
export interface HeardCall {
  readonly operation: Operation
  readonly request: unknown
}

/** A store that keeps what it was asked, in order. */
export function listeningStore(inner: JobStore): {
  readonly store: JobStore
  readonly heard: readonly HeardCall[]
  /** The requests of one operation. */
  readonly requests: <T>(operation: Operation) => readonly T[]
} {
  const heard: HeardCall[] = []
  const store = faultyStore(inner, (operation, _proceed, request) => {
    heard.push({ operation, request })
    return undefined
  })
  return {
    store,
    heard,
    requests: <T>(operation: Operation) =>
      heard.filter((call) => call.operation === operation).map((call) => call.request as T),
  }
}
