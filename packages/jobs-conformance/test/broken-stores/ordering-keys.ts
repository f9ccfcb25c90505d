import type {
  CallOptions,
  ClaimRequest,
  ClaimResult,
  JobKeys,
  JobRef,
  NewJob,
} from '@cgk/jobs-core'
import { fail, release } from '@cgk/jobs-core'
import { type BrokenStore, harnessOf } from './broken-store.ts'
import { HeldAfterCrash } from './held-after-crash.ts'
import { type SettleRequest, StoreWrapper } from './store-wrapper.ts'

/** As a retry that is enqueued anew. */
class RetriesAtTheTail extends StoreWrapper {
  override async settle(request: SettleRequest, options?: CallOptions) {
    const ordered: JobRef[] = []
    const settlements = []
    for (const settlement of request.settlements) {
      const { lease, outcome } = settlement
      const [record] = await this.inner.get([lease], options)
      const isMoved = outcome.type === 'retry' && record?.keys?.ordering != null
      if (isMoved) ordered.push(lease)
      settlements.push(isMoved ? fail(lease, outcome.error) : settlement)
    }
    const { results } = await super.settle({ settlements }, options)
    await this.inner.retry(ordered, options)
    const { claim } = request
    return { results, claimed: claim === undefined ? null : await this.claim(claim, options) }
  }
}

/** As a line for each priority. */
class LinesByPriority extends StoreWrapper {
  override enqueue(jobs: readonly NewJob[], options?: CallOptions) {
    return this.inner.enqueue(
      jobs.map((job) =>
        job.orderingKey === undefined || job.priority === 0
          ? job
          : { ...job, orderingKey: `${job.orderingKey} of ${job.priority}` },
      ),
      options,
    )
  }
}

/** As a line that a job joins when its time has come. */
class DelayedStandAside extends StoreWrapper {
  override enqueue(jobs: readonly NewJob[], options?: CallOptions) {
    return this.inner.enqueue(
      jobs.map(({ orderingKey, ...job }) =>
        orderingKey === undefined || (job.delayMs ?? 0) > 0 ? job : { ...job, orderingKey },
      ),
      options,
    )
  }
}

/** As a cancel that ends the lease with the job. */
class LetsGoAtCancel extends StoreWrapper {
  override async cancel(refs: readonly JobRef[], options?: CallOptions) {
    const results = await this.inner.cancel(refs, options)
    for (const { queue, tenantId, id } of refs) {
      const lease = this.shared.leases.findLast(
        (each) => each.queue === queue && each.tenantId === tenantId && each.id === id,
      )
      if (lease !== undefined) await this.inner.settle({ settlements: [release(lease)] }, options)
    }
    return results
  }
}

/** As one number for what begins and what waits in the worker. */
class KeyedPrefetched extends StoreWrapper {
  override claim(request: ClaimRequest, options?: CallOptions): Promise<ClaimResult> {
    const { slots, prefetch } = request
    return super.claim({ ...request, slots: slots + prefetch, prefetch: 0 }, options)
  }
}

/** As a next due time that looks at jobs and not at their keys. */
class BlockedPolled extends StoreWrapper {
  override async claim(request: ClaimRequest, options?: CallOptions): Promise<ClaimResult> {
    const result = await super.claim(request, options)
    const { pending } = await this.inner.counts({ queue: request.queue }, options)
    const isPaused = await this.inner.isPaused({ queue: request.queue }, options)
    const isQuiet =
      result.jobs.length === 0 && !result.hasSuspects && !request.suspects && !isPaused
    return isQuiet && pending > 0 ? { ...result, nextDueInMs: 0 } : result
  }
}

class LineHeldAfterCrash extends HeldAfterCrash {
  protected isKept({ ordering }: JobKeys): boolean {
    return ordering !== null
  }
}

export const orderingKeys: readonly BrokenStore[] = [
  {
    fault: 'where a retry goes to the end of its line',
    caughtBy: ['ordering keys: a job that waits for another attempt keeps its place'],
    caughtByModel: true,
    harness: harnessOf(RetriesAtTheTail),
  },
  {
    fault: 'where priority passes the line',
    caughtBy: ['ordering keys: priority does not change the order of a line'],
    caughtByModel: true,
    harness: harnessOf(LinesByPriority),
  },
  {
    fault: 'where a delayed job blocks nobody behind it',
    caughtBy: ['ordering keys: a delayed head blocks until its time'],
    caughtByModel: true,
    harness: harnessOf(DelayedStandAside),
  },
  {
    fault: 'where a cancelled job frees its line and its place while a worker holds it',
    caughtBy: [
      'ordering key freeing: a cancelled head blocks as long as a worker holds it',
      'concurrency key counting: a cancelled job counts as long as a worker holds it',
    ],
    caughtByModel: true,
    harness: harnessOf(LetsGoAtCancel),
  },
  {
    fault: 'where a lost worker blocks its line for ever',
    caughtBy: [
      'ordering key freeing: a cancelled head whose worker is lost blocks until it is taken back',
    ],
    caughtByModel: true,
    harness: harnessOf(LineHeldAfterCrash),
  },
  {
    fault: 'that prefetches jobs with a key',
    caughtBy: [
      'ordering keys: jobs of a line go into slots and never into prefetch',
      'concurrency keys: jobs of a key go into slots and never into prefetch',
    ],
    caughtByModel: true,
    harness: harnessOf(KeyedPrefetched),
  },
  {
    fault: 'that has its workers poll for blocked jobs',
    caughtBy: [
      'ordering keys: a delayed job behind the head waits for both',
      'concurrency keys: as many as the limit are leased, in one claim',
      'unique key successor: a running holder stays as it is and the new job waits for its end',
    ],
    caughtByModel: true,
    harness: harnessOf(BlockedPolled),
  },
]
