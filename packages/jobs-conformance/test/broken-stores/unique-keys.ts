import type {
  CallOptions,
  ClaimRequest,
  ClaimResult,
  EnqueueResult,
  JobRecord,
  JobRef,
  NewJob,
} from '@cgk/jobs-core'
import { type BrokenStore, harnessOf } from './broken-store.ts'
import { perStore } from './per-store.ts'
import { KeysSlip, keyOf } from './slipping-keys.ts'
import { MisleadingStore, type SettleRequest, StoreWrapper } from './store-wrapper.ts'

/** As a settlement that deletes the key by its text, whoever has it by then. */
class FreedByAnyone extends KeysSlip {
  override async settle(request: SettleRequest, options?: CallOptions) {
    const repeated = request.settlements.map(({ lease }) => this.shared.settled.has(lease.token))
    const answer = await super.settle(request, options)
    for (const [index, { lease }] of request.settlements.entries()) {
      if (answer.results[index] !== 'settled' || repeated[index]) await this.free(lease)
    }
    return answer
  }
}

/** As a key that is a row of its own, deleted with the job that once had it. */
class FreedByRemoval extends KeysSlip {
  override async remove(refs: readonly JobRef[], options?: CallOptions) {
    for (const ref of refs) await this.free(ref)
    return super.remove(refs, options)
  }
}

/** As a key that an attempt holds. */
class FreedByRetry extends KeysSlip {
  override async settle(request: SettleRequest, options?: CallOptions) {
    const answer = await super.settle(request, options)
    for (const { lease, outcome } of request.settlements) {
      if (outcome.type === 'retry') await this.free(lease)
    }
    return answer
  }
}

/** As a lock of its own that knows only the worker that is lost. */
class NeverFreedAfterCrash extends StoreWrapper {
  static readonly #stuck = perStore(() => new Map<string, JobRef>())

  override async claim(request: ClaimRequest, options?: CallOptions): Promise<ClaimResult> {
    const result = await super.claim(request, options)
    for (const job of result.jobs) {
      if (job.lostLeases === 0 || job.keys?.unique == null) continue
      NeverFreedAfterCrash.#stuck(this.shared).set(keyOf(job, job.keys.unique), job)
    }
    return result
  }

  override async enqueue(jobs: readonly NewJob[], options?: CallOptions) {
    const results: EnqueueResult[] = []
    for (const job of jobs) {
      const holder = await this.#endedHolderOf(job)
      if (holder === null) results.push(...(await this.inner.enqueue([job], options)))
      else results.push({ status: 'existing', job: holder })
    }
    return results
  }

  async #endedHolderOf(job: NewJob): Promise<JobRecord | null> {
    const key = job.unique && keyOf(job, job.unique.key)
    const ref = key && NeverFreedAfterCrash.#stuck(this.shared).get(key)
    const [record] = ref ? await this.inner.get([ref]) : []
    return record != null && record.endedAt !== null ? record : null
  }
}

/** As an answer that is right about a job that is stored all the same. */
class StoredTwice extends StoreWrapper {
  override async enqueue(jobs: readonly NewJob[], options?: CallOptions) {
    const results = await this.inner.enqueue(jobs, options)
    for (const [index, { unique, ...job }] of jobs.entries()) {
      const isDuplicate = results[index]?.status === 'existing' && unique !== undefined
      if (isDuplicate && job.jobId === undefined) await this.inner.enqueue([job], options)
    }
    return results
  }
}

/** As a column with a collation. */
class KeysFolded extends StoreWrapper {
  override enqueue(jobs: readonly NewJob[], options?: CallOptions) {
    return this.inner.enqueue(
      jobs.map((job) =>
        job.unique === undefined
          ? job
          : { ...job, unique: { ...job.unique, key: job.unique.key.trim().toLowerCase() } },
      ),
      options,
    )
  }
}

/** As a slot for the next job that is cleared with the holder's. */
class SuccessorLost extends StoreWrapper {
  override async settle({ settlements, claim }: SettleRequest, options?: CallOptions) {
    const refs = settlements.map(({ lease }) => lease)
    const records = await this.inner.get(refs, options)
    const { results } = await super.settle({ settlements }, options)
    for (const record of records) {
      const key = record?.keys?.unique
      if (record?.state !== 'running' || key == null) continue
      const { queue, tenantId } = record
      const { jobs } = await this.inner.list({ queue, tenantId, keyPrefix: key, limit: 100 })
      const [ended] = await this.inner.get([record], options)
      if (ended?.state === 'pending') continue
      await this.inner.remove(
        jobs.filter((job) => job.keys?.unique === key && job.state === 'pending'),
        options,
      )
    }
    return { results, claimed: claim === undefined ? null : await this.claim(claim, options) }
  }
}

/** As a replacement that deletes the old row and inserts the new one. */
class PlaceLost extends StoreWrapper {
  override async enqueue(jobs: readonly NewJob[], options?: CallOptions) {
    const results: EnqueueResult[] = []
    for (const result of await this.inner.enqueue(jobs, options)) {
      const { unique, ...job } = jobs[results.length]!
      results.push(result)
      if (result.status !== 'replaced' || result.job.attempts > 0) continue
      await this.inner.remove([result.job], options)
      const kept =
        unique === undefined ? {} : { unique: { key: unique.key, ifTaken: 'keep' } as const }
      await this.inner.enqueue([{ ...job, ...kept, jobId: result.job.id }], options)
    }
    return results
  }
}

/** As an update of the columns that the new job brings. */
class AttemptsKept extends MisleadingStore {
  static readonly #spent = perStore(() => new Map<string, number>())

  override async enqueue(jobs: readonly NewJob[], options?: CallOptions) {
    const before = new Map<string, number>()
    for (const { queue } of jobs) {
      const page = await this.inner.list({ queue, statuses: ['retrying'], limit: 1_000 }, options)
      for (const job of page.jobs) before.set(job.id, job.attempts)
    }
    const results = await super.enqueue(jobs, options)
    for (const result of results) {
      const spent = result.status === 'replaced' ? before.get(result.job.id) : undefined
      if (result.status === 'replaced' && spent !== undefined) {
        AttemptsKept.#spent(this.shared).set(result.job.id, spent)
      }
    }
    return results
  }

  protected show<T extends JobRecord>(record: T): T {
    const spent = AttemptsKept.#spent(this.shared).get(record.id) ?? 0
    return { ...record, attempts: record.attempts + spent }
  }
}

/** As a debounce that knows the last call and not the first. */
class NoLongestWait extends StoreWrapper {
  override enqueue(jobs: readonly NewJob[], options?: CallOptions) {
    return this.inner.enqueue(
      jobs.map((job) => {
        if (job.unique?.ifTaken !== 'debounce') return job
        return { ...job, unique: { key: job.unique.key, ifTaken: 'debounce' } as const }
      }),
      options,
    )
  }
}

/** As a key that goes with its job. */
class WindowForgotten extends StoreWrapper {
  override enqueue(jobs: readonly NewJob[], options?: CallOptions) {
    return this.inner.enqueue(
      jobs.map((job) => {
        if (job.unique?.ifTaken !== 'keep') return job
        return { ...job, unique: { key: job.unique.key, ifTaken: 'keep' } as const }
      }),
      options,
    )
  }
}

export const uniqueKeys: readonly BrokenStore[] = [
  {
    fault: 'whose unique keys are freed by who does not hold them',
    caughtBy: [
      'unique key freeing: the late settlement of a cancelled job leaves the key to its next',
      'unique key freeing: a settlement repeated leaves the key to its next holder',
      'unique key freeing: a stale lease ends nothing and frees nothing',
    ],
    caughtByModel: true,
    harness: harnessOf(FreedByAnyone),
  },
  {
    fault: 'where removing an ended job frees the key it had',
    caughtBy: [
      'unique key freeing: removing or cancelling an ended job leaves the key to its next',
    ],
    caughtByModel: true,
    harness: harnessOf(FreedByRemoval),
  },
  {
    fault: 'where a retry frees the unique key',
    caughtBy: ['unique key freeing: a key is held while its job waits, runs, retries and is lost'],
    caughtByModel: true,
    harness: harnessOf(FreedByRetry),
  },
  {
    fault: 'that never frees the unique key of a job that was lost once',
    caughtBy: ['unique key freeing: a key is free again when its job ends after a crash'],
    caughtByModel: true,
    harness: harnessOf(NeverFreedAfterCrash),
  },
  {
    fault: 'that stores the duplicates it says it did not',
    caughtBy: ['unique keys: a duplicate is not stored and answered with the holder'],
    caughtByModel: true,
    harness: harnessOf(StoredTwice),
  },
  {
    fault: 'that takes keys that look alike for the same',
    caughtBy: ['unique keys: keys are the same only where every character is'],
    caughtByModel: false,
    harness: harnessOf(KeysFolded),
  },
  {
    fault: 'that loses the successor of a running job',
    caughtBy: [
      'unique key successor: a running holder stays as it is and the new job waits for its end',
      'unique key successor: whatever ends the holder, the successor has the key at once',
    ],
    caughtByModel: true,
    harness: harnessOf(SuccessorLost),
  },
  {
    fault: 'where a replaced job loses its place',
    caughtBy: ['unique key replace: the place among its equals stays'],
    caughtByModel: true,
    harness: harnessOf(PlaceLost),
  },
  {
    fault: 'where a replaced job keeps the attempts of the old',
    caughtBy: ['unique key replace: a holder that waits for its next attempt begins anew'],
    caughtByModel: true,
    harness: harnessOf(AttemptsKept),
  },
  {
    fault: 'that debounces without an end',
    caughtBy: ['unique key debounce: the longest wait counts from the first of a burst'],
    caughtByModel: true,
    harness: harnessOf(NoLongestWait),
  },
  {
    fault: 'that forgets the window of a key when its job ends',
    caughtBy: [
      'unique key window: a window holds the key of an ended job to its last millisecond',
      'unique key window: the holder stays for its window whatever history keeps',
    ],
    caughtByModel: true,
    harness: harnessOf(WindowForgotten),
  },
]
