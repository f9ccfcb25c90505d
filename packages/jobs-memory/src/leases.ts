import type { Job, LeaseStage } from './job.ts'
import { SortedQueue } from './sorted-queue.ts'

/** Who holds which job, and until when. Expiry ends no lease: it permits to take the job back. */
export class Leases {
  readonly #held = new SortedQueue<Job>((a, b) => a.expiresAt - b.expiresAt)
  #epoch = 0

  /** @param nonce - what nobody can guess; one will do for all jobs of a claim. */
  grant(job: Job, expiresAt: number, nonce: string): void {
    job.token = `${(++this.#epoch).toString(36)}.${nonce}`
    job.leaseStage = 'held'
    job.expiresAt = expiresAt
    this.#held.push(job)
  }

  /** Never shortens a lease. */
  extend(job: Job, expiresAt: number): void {
    if (expiresAt <= job.expiresAt) return
    this.#held.remove(job)
    job.expiresAt = expiresAt
    this.#held.push(job)
  }

  /** @param stage - `none` for a lease that was lost, else what its settlement is answered with. */
  end(job: Job, stage: Exclude<LeaseStage, 'held'>): void {
    this.#held.remove(job)
    job.leaseStage = stage
  }

  /** The job whose lease ends first. */
  first(): Job | undefined {
    return this.#held.peek()
  }
}
