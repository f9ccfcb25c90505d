import type { CallOptions, JobRef } from '@cgk/jobs-core'
import { memoryHarness } from '../memory-harness.ts'
import { type BrokenStore, harnessOf } from './broken-store.ts'
import { type ListPage, type ListRequest, StoreWrapper } from './store-wrapper.ts'

/** As `WHERE queue = $1 AND id = $2`. */
class ReadsAcrossTenants extends StoreWrapper {
  override async get(refs: readonly JobRef[], options?: CallOptions) {
    const records = await this.inner.get(refs, options)
    const { queue = '' } = refs[0] ?? {}
    const { jobs } = await this.inner.list({ queue, limit: 10_000 }, options)
    return records.map(
      (record, index) =>
        record ??
        jobs.find(({ queue: of, id }) => of === refs[index]?.queue && id === refs[index].id) ??
        null,
    )
  }
}

/** As an update that checks the tenant only for reading. */
class CancelsAcrossTenants extends StoreWrapper {
  override async cancel(refs: readonly JobRef[], options?: CallOptions) {
    const results = await this.inner.cancel(refs, options)
    for (const [index, { queue, id }] of refs.entries()) {
      if (results[index]?.status !== 'notFound') continue
      const { jobs } = await this.inner.list({ queue, limit: 10_000 }, options)
      await this.inner.cancel(
        jobs.filter((job) => job.id === id),
        options,
      )
    }
    return results
  }
}

/** As `WHERE (queue, tenant, id) IN (…)` without an order. */
class AnswersById extends StoreWrapper {
  override cancel(refs: readonly JobRef[], options?: CallOptions) {
    return this.inner.cancel(
      refs.toSorted((a, b) => (a.id < b.id ? -1 : 1)),
      options,
    )
  }
}

/** As `LIMIT … OFFSET`. */
class OffsetPages extends StoreWrapper {
  override async list(request: ListRequest, options?: CallOptions): Promise<ListPage> {
    const { cursor, ...rest } = request
    const offset = Number(cursor ?? 0)
    const { jobs } = await this.inner.list({ ...rest, limit: 10_000 }, options)
    const end = offset + request.limit
    return { jobs: jobs.slice(offset, end), nextCursor: end < jobs.length ? `${end}` : null }
  }
}

/** As a status that is stored when the job is and not asked for when it is read. */
class ScheduledForEver extends StoreWrapper {
  override async counts(...[request, options]: Parameters<StoreWrapper['counts']>) {
    const counts = await this.inner.counts(request, options)
    const { jobs } = await this.inner.list(
      { ...request, statuses: ['pending'], limit: 10_000 },
      options,
    )
    const late = jobs.filter((job) => job.runAt > job.createdAt).length
    return { ...counts, pending: counts.pending - late, scheduled: counts.scheduled + late }
  }
}

/** As a driver that queues calls until it is connected again. */
class SignalsUnheard extends StoreWrapper {
  override enqueue(...[jobs]: Parameters<StoreWrapper['enqueue']>) {
    return this.inner.enqueue(jobs)
  }
}

/** As a pool that opens a connection whenever one is asked for. */
class NeverClosed extends StoreWrapper {
  override async close(): Promise<void> {}
}

export const operating: readonly BrokenStore[] = [
  {
    fault: "that shows a tenant another's jobs",
    caughtBy: ["get: a tenant cannot read another tenant's job"],
    caughtByModel: true,
    harness: harnessOf(ReadsAcrossTenants),
  },
  {
    fault: "that lets a tenant cancel another's jobs",
    caughtBy: ["cancel: a tenant cannot cancel another tenant's job"],
    caughtByModel: true,
    harness: harnessOf(CancelsAcrossTenants),
  },
  {
    fault: 'that answers in the order of its index',
    caughtBy: ['cancel: answers come in the order of the input, hits and misses mixed'],
    caughtByModel: true,
    harness: harnessOf(AnswersById),
  },
  {
    fault: 'whose pages are offsets',
    caughtBy: [
      'list: no page repeats a job while jobs are added between pages',
      'list: no page skips or repeats a job while jobs are removed between pages',
    ],
    caughtByModel: false,
    harness: harnessOf(OffsetPages),
  },
  {
    fault: 'whose counts stand still while time passes',
    caughtBy: ['counts: each job is counted under its status and under no other'],
    caughtByModel: true,
    harness: harnessOf(ScheduledForEver),
  },
  {
    fault: 'that keeps no bound on its history',
    caughtBy: [
      'history: ended jobs are kept for the age of their status and then deleted',
      'history: of each status the newest are kept, up to its count',
    ],
    caughtByModel: true,
    harness: { open: () => memoryHarness.open() },
  },
  {
    fault: 'that does not hear an aborted signal',
    caughtBy: ['lifecycle: a call whose signal has aborted is refused and does nothing'],
    caughtByModel: false,
    harness: harnessOf(SignalsUnheard),
  },
  {
    fault: 'that answers after it was closed',
    caughtBy: ['lifecycle: a closed store refuses every call'],
    caughtByModel: false,
    harness: harnessOf(NeverClosed),
  },
]
