import type { JobStore } from '@cgk/jobs-core'
import type { ClaimLog } from './claim-log.ts'
import type { HintGate } from './hint-gate.ts'
import type { PollWatch } from './poll-watch.ts'
import { withOverrides } from './with-overrides.ts'

/** Who hears of what a store is asked and answers. */
export interface StoreObservers {
  readonly claims: ClaimLog
  readonly polls: PollWatch
  readonly hints: HintGate
}

/** Calls that change something whenever they are made. */
const CHANGES = [
  'enqueue',
  'extend',
  'report',
  'cancel',
  'retry',
  'remove',
  'pause',
  'resume',
  'enqueueGroups',
  'putSchedule',
  'advanceSchedules',
  'removeSchedules',
] as const satisfies readonly (keyof JobStore)[]

/** The store as all queues and workers of a test use it. */
export function observedStore(inner: JobStore, { claims, polls, hints }: StoreObservers): JobStore {
  const claim: JobStore['claim'] = (request, options) =>
    claims.claim(async () => {
      const found = await inner.claim(request, options)
      polls.noteClaim(request.queue, found)
      return found
    })
  return withOverrides(inner, {
    ...Object.fromEntries(CHANGES.map((name) => [name, noting(inner, name, polls)])),
    claim,
    subscribe: (listener) => hints.subscribe(inner, listener),
    async settle({ settlements, claim: request }, options) {
      const { results } = await inner.settle({ settlements }, options)
      claims.noteSettled(settlements)
      polls.noteActivity()
      return { results, claimed: request === undefined ? null : await claim(request, options) }
    },
    async maintain(request, options) {
      const done = await inner.maintain(request, options)
      polls.noteUpkeep(done)
      return done
    },
    async dueSchedules(request, options) {
      const due = await inner.dueSchedules(request, options)
      polls.noteSchedules(request.queues, due)
      return due
    },
  })
}

function noting(
  inner: JobStore,
  name: (typeof CHANGES)[number],
  polls: PollWatch,
): (...args: never) => unknown {
  const call = inner[name].bind(inner) as (...args: never) => unknown
  return (...args) => {
    polls.noteActivity()
    return call(...args)
  }
}
