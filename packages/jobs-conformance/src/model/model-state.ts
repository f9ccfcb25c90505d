import type { LimitScope, JobRef, JobState, Lease, SettleResult } from '@cgk/jobs-core'
import type { HistoryOptions } from '../harness.ts'
import { sameRef, type ModelJob, type Place } from './model-job.ts'
import type { ModelGroup } from './model-group.ts'
import { sameScope, type ModelSaid, type ModelUse } from './model-limits.ts'
import type { ModelRivalry, ModelTurn } from './model-rivalry.ts'
import type { ModelSchedule } from './model-schedule.ts'

/**
 * What the reference model knows: plain arrays, linear scans, no thought of speed.
 *
 * The contract as a program is this and the rules beside it. It never chooses: each rule takes what a
 * store was asked and what it answered, throws when the contract does not allow that answer, and
 * otherwise becomes what the answer means. Where the contract leaves freedom (whose turn it is among
 * tenants, which expired leases a bounded round takes back) the model so follows the store.
 */
export class ModelState {
  now: number
  readonly history: HistoryOptions
  /** Jobs that are retained, in order of creation. */
  jobs: ModelJob[] = []
  /** Every ref there has ever been. */
  readonly refs: JobRef[] = []
  /** Every lease there has ever been, and which worker remembers it. */
  readonly given: { readonly lease: Lease; worker: string | null }[] = []
  /** Answers that were given to tokens; a job that is no longer retained may still give them. */
  readonly answers: Map<string, SettleResult> = new Map()
  /** What operators paused. */
  readonly paused: LimitScope[] = []
  readonly said: ModelSaid[] = []
  readonly uses: ModelUse[] = []
  readonly turns: ModelTurn[] = []
  readonly rivalries: ModelRivalry[] = []
  groups: ModelGroup[] = []
  schedules: ModelSchedule[] = []
  #turns = 0
  #calls = 0

  constructor(now: number, history: HistoryOptions) {
    this.now = now
    this.history = history
  }

  /** The refs of the retained jobs in one of the states. */
  refsIn(states: readonly JobState[]): readonly JobRef[] {
    return this.jobs.filter((job) => states.includes(job.state)).map((job) => job.ref)
  }

  /** The leases that a worker remembers, or all that were ever handed out. */
  leasesOf(worker?: string): readonly Lease[] {
    return this.given
      .filter((each) => worker === undefined || each.worker === worker)
      .map(({ lease }) => lease)
  }

  /** The worker forgets its leases, and is never heard of again with them. */
  crash(worker: string): void {
    for (const each of this.given) if (each.worker === worker) each.worker = null
  }

  find(ref: JobRef): ModelJob | undefined {
    return this.jobs.find((job) => sameRef(job.ref, ref))
  }

  /** The job, if the lease is its current one. */
  findHeld(lease: Lease): ModelJob | undefined {
    const job = this.find(lease)
    return job?.lease?.token === lease.token ? job : undefined
  }

  indexOf(ref: JobRef): number {
    return this.refs.findIndex((each) => sameRef(each, ref))
  }

  pause(scope: LimitScope): void {
    this.resume(scope)
    this.paused.push(scope)
  }

  resume(scope: LimitScope): void {
    const index = this.paused.findIndex((each) => sameScope(each, scope))
    if (index >= 0) this.paused.splice(index, 1)
  }

  place(part: Pick<Place, 'call' | 'part'>, cohort: string): Place {
    this.#turns += 1
    return { turn: this.#turns, cohort, ...part }
  }

  /** A cohort of one: a job that is in no order with any other. */
  alone(): string {
    return `alone ${this.#turns}`
  }

  nextCall(): number {
    this.#calls += 1
    return this.#calls
  }
}
