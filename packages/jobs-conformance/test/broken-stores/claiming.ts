import type {
  ActionResult,
  CallOptions,
  ClaimedJob,
  ClaimRequest,
  ClaimResult,
  JobRecord,
  JobRef,
  NewJob,
} from '@cgk/jobs-core'
import { type BrokenStore, harnessOf } from './broken-store.ts'
import { MisleadingStore, type Shared, StoreWrapper } from './store-wrapper.ts'

/** As a claim that reads and writes in two statements without a lock. */
class DoubleClaim extends StoreWrapper {
  static readonly #last = new WeakMap<Shared, ClaimedJob>()

  override async claim(request: ClaimRequest, options?: CallOptions): Promise<ClaimResult> {
    const result = await super.claim(request, options)
    const last = DoubleClaim.#last.get(this.shared)
    const newest = result.jobs.at(-1)
    if (newest !== undefined) DoubleClaim.#last.set(this.shared, newest)
    if (last === undefined || last.queue !== request.queue || request.suspects) return result
    const [record] = await this.inner.get([last])
    const isFree = record?.state !== 'running' || result.jobs.length >= request.slots
    return isFree ? result : { ...result, jobs: [...result.jobs, last] }
  }
}

/** As a two-stage claim whose second connection does not see the first one's locks. */
class RacyClaim extends StoreWrapper {
  static readonly #underWay = new WeakMap<Shared, Promise<ClaimResult>>()

  override async claim(request: ClaimRequest, options?: CallOptions): Promise<ClaimResult> {
    const underWay = RacyClaim.#underWay.get(this.shared)
    if (underWay !== undefined) return underWay
    const claim = super.claim(request, options)
    RacyClaim.#underWay.set(this.shared, claim)
    try {
      return await claim
    } finally {
      RacyClaim.#underWay.delete(this.shared)
    }
  }
}

/** As a list for each call, sorted when it is pushed and never again. */
class PriorityInsideBatch extends MisleadingStore {
  static readonly #priorities = new WeakMap<Shared, Map<string, number>>()

  override async enqueue(jobs: readonly NewJob[], options?: CallOptions) {
    const order = jobs.map((_, index) => index).sort((a, b) => priorityAt(b) - priorityAt(a))
    function priorityAt(index: number): number {
      return jobs[index]?.priority ?? 0
    }
    const sorted = order.flatMap((index) => jobs[index] ?? [])
    const results = await super.enqueue(
      sorted.map((job) => ({ ...job, priority: 0 })),
      options,
    )
    for (const [at, result] of results.entries()) {
      const job = sorted[at]
      if (job !== undefined && result.status === 'enqueued') {
        this.#known.set(keyOf({ ...job, id: result.id }), job.priority)
      }
    }
    return order.map((_, index) => results[order.indexOf(index)]!)
  }

  protected show<T extends JobRecord>(record: T): T {
    return { ...record, priority: this.#known.get(keyOf(record)) ?? record.priority }
  }

  get #known(): Map<string, number> {
    let known = PriorityInsideBatch.#priorities.get(this.shared)
    if (known === undefined) PriorityInsideBatch.#priorities.set(this.shared, (known = new Map()))
    return known
  }
}

/** As a ready list that a cancel does not clean. */
class CancelledComeBack extends StoreWrapper {
  static readonly #left = new WeakMap<Shared, JobRecord[]>()

  override async cancel(refs: readonly JobRef[], options?: CallOptions) {
    const before = await this.inner.get(refs, options)
    const left = CancelledComeBack.#left.get(this.shared) ?? []
    CancelledComeBack.#left.set(this.shared, left)
    left.push(...before.flatMap((record) => (record?.state === 'pending' ? [record] : [])))
    return this.inner.cancel(refs, options)
  }

  override async claim(request: ClaimRequest, options?: CallOptions): Promise<ClaimResult> {
    const result = await super.claim(request, options)
    const now = await this.shared.now()
    const left = CancelledComeBack.#left.get(this.shared) ?? []
    const ghost = left.findIndex((job) => job.queue === request.queue && job.runAt <= now)
    if (ghost < 0 || result.jobs.length >= request.slots || request.suspects) return result
    const [job] = left.splice(ghost, 1)
    if (job === undefined) return result
    const claimed: ClaimedJob = {
      ...job,
      state: 'running',
      attempts: job.attempts + 1,
      startedAt: now,
      token: `ghost of ${job.id}`,
    }
    return { ...result, jobs: [...result.jobs, claimed] }
  }
}

/** As a claim that does not know of suspects. */
class SuspectsMixed extends StoreWrapper {
  override async claim(request: ClaimRequest, options?: CallOptions): Promise<ClaimResult> {
    const result = await super.claim(request, options)
    const room = request.slots - result.jobs.length
    if (request.suspects || room < 1) return result
    const more = await super.claim({ ...request, slots: 1, suspects: true }, options)
    return { ...result, jobs: [...result.jobs, ...more.jobs], hasSuspects: more.hasSuspects }
  }
}

/** As a claim for suspects that forgot its limit. */
class SuspectsTogether extends StoreWrapper {
  override async claim(request: ClaimRequest, options?: CallOptions): Promise<ClaimResult> {
    let result = await super.claim(request, options)
    while (request.suspects && result.hasSuspects && result.jobs.length < request.slots) {
      const more = await super.claim(request, options)
      result = { ...more, jobs: [...result.jobs, ...more.jobs] }
    }
    return result
  }
}

/** As a handle that read the pauses when it connected. */
class PauseUnseen extends StoreWrapper {
  override async claim(request: ClaimRequest, options?: CallOptions): Promise<ClaimResult> {
    const scope = { queue: request.queue }
    if (this.handle === 0 || !(await this.inner.isPaused(scope))) {
      return super.claim(request, options)
    }
    await this.inner.resume(scope)
    try {
      return await super.claim(request, options)
    } finally {
      await this.inner.pause(scope)
    }
  }
}

/** As a cancel that leaves it to the worker to notice. */
class CancelNotesOnly extends StoreWrapper {
  override async cancel(
    refs: readonly JobRef[],
    options?: CallOptions,
  ): Promise<readonly ActionResult[]> {
    const results: ActionResult[] = []
    for (const ref of refs) {
      const [record] = await this.inner.get([ref], options)
      if (record?.state === 'running') {
        const endedAt = await this.shared.now()
        results.push({ status: 'changed', job: { ...record, state: 'cancelled', endedAt } })
      } else results.push(...(await this.inner.cancel([ref], options)))
    }
    return results
  }
}

function keyOf({ queue, tenantId, id }: JobRef): string {
  return JSON.stringify([queue, tenantId, id])
}

export const claiming: readonly BrokenStore[] = [
  {
    fault: 'that hands out a running job again',
    caughtBy: [
      'claim: a claimed job is not claimed again, not even when its lease has expired',
      'claim: handles claiming at once never get one job twice',
    ],
    caughtByModel: true,
    harness: harnessOf(DoubleClaim),
  },
  {
    fault: 'that gives two claims at once the same jobs',
    caughtBy: [
      'claim: handles claiming at once never get one job twice',
      'claim: handles racing for one job get it once',
    ],
    caughtByModel: false,
    harness: harnessOf(RacyClaim),
  },
  {
    fault: 'that knows priority only inside a batch',
    caughtBy: [
      'claim: higher priority comes first across enqueue calls too',
      'claim: a late job of higher priority passes those that wait',
    ],
    caughtByModel: true,
    harness: harnessOf(PriorityInsideBatch),
  },
  {
    fault: 'that claims what was cancelled',
    caughtBy: [
      'cancel: a cancelled waiting job ends and is never claimed',
      'cancel: a cancelled job does not come when its time does',
    ],
    caughtByModel: true,
    harness: harnessOf(CancelledComeBack),
  },
  {
    fault: 'that lets the worker of a cancelled job complete it',
    caughtBy: ['cancel: a running job is cancelled at once and its worker settles in vain'],
    caughtByModel: true,
    harness: harnessOf(CancelNotesOnly),
  },
  {
    fault: 'that mixes suspects with other jobs',
    caughtBy: ['suspects: an ordinary claim leaves suspects where they are and tells of them'],
    caughtByModel: true,
    harness: harnessOf(SuspectsMixed),
  },
  {
    fault: 'that hands out several suspects at once',
    caughtBy: ['suspects: suspects are handed out one at a time, whatever the slots'],
    caughtByModel: true,
    harness: harnessOf(SuspectsTogether),
  },
  {
    fault: 'with a handle that does not see a pause',
    caughtBy: ['pause: a pause holds in every handle'],
    caughtByModel: true,
    harness: harnessOf(PauseUnseen),
  },
]
