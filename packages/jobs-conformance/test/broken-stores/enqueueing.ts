import type { CallOptions, EnqueueResult, JobRecord, JobRef, NewJob } from '@cgk/jobs-core'
import { type BrokenStore, harnessOf } from './broken-store.ts'
import { MisleadingStore, StoreWrapper } from './store-wrapper.ts'

/** As a client that turns delays into instants by its own clock. */
class ClientClock extends StoreWrapper {
  override enqueue(jobs: readonly NewJob[], options?: CallOptions) {
    const dated = jobs.map(({ delayMs, ...job }) =>
      delayMs === undefined ? job : { ...job, runAt: Date.now() + delayMs },
    )
    return this.inner.enqueue(dated, options)
  }
}

/** As a timer or a column of 32 bits. */
class ShortDelays extends StoreWrapper {
  override enqueue(jobs: readonly NewJob[], options?: CallOptions) {
    const clamped = jobs.map((job) =>
      job.delayMs === undefined ? job : { ...job, delayMs: Math.min(job.delayMs, 2 ** 31 - 1) },
    )
    return this.inner.enqueue(clamped, options)
  }
}

/** As `INSERT … ON CONFLICT DO NOTHING RETURNING`, with the conflicts looked up afterwards. */
class ConflictsLast extends StoreWrapper {
  override async enqueue(jobs: readonly NewJob[], options?: CallOptions) {
    const results = await this.inner.enqueue(jobs, options)
    return results.toSorted(
      (a, b) => Number(a.status === 'existing') - Number(b.status === 'existing'),
    )
  }
}

/** As one statement a job without a transaction around them. */
class PartialBatches extends StoreWrapper {
  override async enqueue(jobs: readonly NewJob[], options?: CallOptions) {
    const results: EnqueueResult[] = []
    for (const job of jobs) results.push(...(await this.inner.enqueue([job], options)))
    return results
  }
}

/** As `ON CONFLICT DO NOTHING` that never looks at what is there. */
class ConflictsUnseen extends StoreWrapper {
  override async enqueue(jobs: readonly NewJob[], options?: CallOptions) {
    const results: EnqueueResult[] = []
    for (const job of jobs) results.push(await this.#enqueueOne(job, options))
    return results
  }

  async #enqueueOne(job: NewJob, options?: CallOptions): Promise<EnqueueResult> {
    const { queue, tenantId, jobId } = job
    if (jobId !== undefined) {
      const [record] = await this.inner.get([{ queue, tenantId, id: jobId }], options)
      if (record != null)
        return { status: 'existing', job: { ...record, log: [], failures: [], effects: null } }
    }
    return (await this.inner.enqueue([job], options))[0]!
  }
}

/** As a unique key that lives with the waiting job and is dropped when it ends. */
class ForgetfulIds extends StoreWrapper {
  override async enqueue(jobs: readonly NewJob[], options?: CallOptions) {
    for (const { queue, tenantId, jobId } of jobs) {
      if (jobId === undefined) continue
      const ref: JobRef = { queue, tenantId, id: jobId }
      const [record] = await this.inner.get([ref], options)
      if (record?.endedAt != null) await this.inner.remove([ref], options)
    }
    return this.inner.enqueue(jobs, options)
  }
}

/** As a unique key over queue and id that forgot the tenant. */
class IdsWithoutTenant extends StoreWrapper {
  override async enqueue(jobs: readonly NewJob[], options?: CallOptions) {
    const results: EnqueueResult[] = []
    for (const job of jobs) {
      const { jobs: listed } = await this.inner.list({ queue: job.queue, limit: 10_000 }, options)
      const existing = listed.find((other) => other.id === job.jobId)
      if (existing === undefined) results.push(...(await this.inner.enqueue([job], options)))
      else results.push({ status: 'existing', job: existing })
    }
    return results
  }
}

/** As a `jsonb` column. */
class ReformattedPayloads extends MisleadingStore {
  protected show<T extends JobRecord>(record: T): T {
    return { ...record, payload: JSON.stringify(JSON.parse(record.payload)) }
  }
}

export const enqueueing: readonly BrokenStore[] = [
  {
    fault: 'that counts delays by the clock of its client',
    caughtBy: [
      'enqueue: a delayed job is not claimed before its time and is at it',
      'enqueue: an enqueued job is read back as it was given',
    ],
    caughtByModel: true,
    harness: harnessOf(ClientClock),
  },
  {
    fault: 'that cuts delays to 2³¹ ms',
    caughtBy: ['enqueue: a delay longer than 2³¹ ms is kept to the millisecond'],
    caughtByModel: true,
    harness: harnessOf(ShortDelays),
  },
  {
    fault: 'that answers for taken ids after all others',
    caughtBy: ['enqueue: answers come in the order of the input, new and existing mixed'],
    caughtByModel: true,
    harness: harnessOf(ConflictsLast),
  },
  {
    fault: 'that stores the first half of a batch it refuses',
    caughtBy: [
      'enqueue: a job id of a job with another payload or name refuses the whole call and stores nothing',
    ],
    caughtByModel: true,
    harness: harnessOf(PartialBatches),
  },
  {
    fault: 'that takes any job under an id for the same job',
    caughtBy: [
      'enqueue: a job id of a job with another payload or name refuses the whole call and stores nothing',
      'enqueue: an ended job still refuses its id to another payload',
    ],
    caughtByModel: true,
    harness: harnessOf(ConflictsUnseen),
  },
  {
    fault: 'that forgets a job id when its job ends',
    caughtBy: ['enqueue: a job id stays taken while its job runs and after it has ended'],
    caughtByModel: true,
    harness: harnessOf(ForgetfulIds),
  },
  {
    fault: 'where the tenants share their job ids',
    caughtBy: ['enqueue: a job id is taken in its own queue and tenant alone'],
    caughtByModel: true,
    harness: harnessOf(IdsWithoutTenant),
  },
  {
    fault: 'that reformats payloads',
    caughtBy: ['enqueue: payload and metadata come back byte for byte'],
    caughtByModel: true,
    harness: harnessOf(ReformattedPayloads),
  },
]
