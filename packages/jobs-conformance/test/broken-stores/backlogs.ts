import { backlogFull, type CallOptions, type NewJob } from '@cgk/jobs-core'
import { type BrokenStore, harnessOf } from './broken-store.ts'
import { type SettleAnswer, type SettleRequest, StoreWrapper } from './store-wrapper.ts'

type Lane = Pick<NewJob, 'queue' | 'tenantId'>

/** A store with a quota check of its own beside the true one. */
abstract class QuotaChecked extends StoreWrapper {
  /** @throws where the tenant of the first job has no room for all. */
  protected async check(jobs: readonly NewJob[], held: boolean): Promise<void> {
    const [first] = jobs
    if (first === undefined) return
    const lane: Lane = { queue: first.queue, tenantId: first.tenantId }
    const [state] = await this.inner.getLimits([lane])
    const quota = state?.effective.backlog
    if (quota === undefined) return
    const { pending, scheduled, retrying, running } = await this.inner.counts(lane)
    const waiting = pending + scheduled + retrying + (held ? running : 0)
    const more = jobs.length
    if (waiting + more > quota) throw backlogFull(lane, { quota, waiting, more })
  }
}

/** As a count of all that has not ended. */
class RunningCounted extends QuotaChecked {
  override async enqueue(jobs: readonly NewJob[], options?: CallOptions) {
    await this.check(jobs, true)
    return this.inner.enqueue(jobs, options)
  }
}

/** As a quota in the one place through which all jobs come. */
class FollowUpsRefused extends QuotaChecked {
  override async settle(request: SettleRequest, options?: CallOptions): Promise<SettleAnswer> {
    for (const { followUps } of request.settlements) await this.check(followUps, false)
    return super.settle(request, options)
  }
}

/** As a quota that is asked about each job of a call. */
class CallsSplit extends StoreWrapper {
  override async enqueue(jobs: readonly NewJob[], options?: CallOptions) {
    const [first] = jobs
    const lane = first && { queue: first.queue, tenantId: first.tenantId }
    const [state] = lane === undefined ? [] : await this.inner.getLimits([lane])
    if (state?.effective.backlog === undefined) return this.inner.enqueue(jobs, options)
    const results = []
    for (const job of jobs) results.push(...(await this.inner.enqueue([job], options)))
    return results
  }
}

export const backlogs: readonly BrokenStore[] = [
  {
    fault: 'whose quota counts what runs',
    caughtBy: [
      'backlog quota: pending, scheduled and retrying jobs and suspects count, running and ended ones do not',
    ],
    caughtByModel: true,
    harness: harnessOf(RunningCounted),
  },
  {
    fault: 'whose quota refuses follow-ups',
    caughtBy: ['backlog quota: no follow-up, retry or release is refused'],
    caughtByModel: true,
    harness: harnessOf(FollowUpsRefused),
  },
  {
    fault: 'that lets in a part of a call that its quota refuses',
    caughtBy: ['backlog quota: what would pass the quota is refused whole'],
    caughtByModel: true,
    harness: harnessOf(CallsSplit),
  },
]
