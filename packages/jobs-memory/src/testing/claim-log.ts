import type { ClaimedJob, ClaimResult, JobRef, Settlement } from '@cgk/jobs-core'
import { turn } from './real-time.ts'

/** More attempts than this at one instant are taken for a job that makes itself again and again. */
export const MOST_ATTEMPTS = 50_000

/** So many attempts, and others get a turn. */
const TURN_AFTER = 1_000

const NOTHING: ClaimResult = {
  jobs: [],
  nextDueInMs: null,
  awaitsRelease: false,
  hasSuspects: false,
}

/** Knows which jobs are held, and stops work that would never end. */
export class ClaimLog {
  readonly #held = new Map<string, ClaimedJob>()
  readonly #attemptsByName = new Map<string, number>()
  #attempts = 0
  #pausing = 0

  /** Jobs that were claimed and not settled. */
  get held(): readonly ClaimedJob[] {
    return [...this.#held.values()]
  }

  /** A claim gives others a turn, and goes on by itself. */
  get isPausing(): boolean {
    return this.#pausing > 0
  }

  /** The name of the job that runs again and again while time stands still. */
  get runaway(): string | undefined {
    if (this.#attempts <= MOST_ATTEMPTS) return undefined
    return [...this.#attemptsByName].toSorted(([, a], [, b]) => b - a)[0]?.[0]
  }

  /** Claims through `claim`; nothing any more once there is a runaway. */
  async claim(claim: () => Promise<ClaimResult>): Promise<ClaimResult> {
    if (this.#attempts > MOST_ATTEMPTS) return NOTHING
    const found = await claim()
    this.#note(found)
    if (this.#attempts % TURN_AFTER < found.jobs.length) {
      this.#pausing += 1
      await turn()
      this.#pausing -= 1
    }
    return found
  }

  noteSettled(settlements: readonly Settlement[]): void {
    for (const { lease } of settlements) {
      if (this.#held.get(keyOf(lease))?.token === lease.token) this.#held.delete(keyOf(lease))
    }
  }

  /** Time has moved. */
  nextInstant(): void {
    this.#attempts = 0
    this.#attemptsByName.clear()
  }

  #note({ jobs }: ClaimResult): void {
    this.#attempts += jobs.length
    for (const job of jobs) {
      this.#held.set(keyOf(job), job)
      this.#attemptsByName.set(job.name, (this.#attemptsByName.get(job.name) ?? 0) + 1)
    }
  }
}

function keyOf({ queue, tenantId, id }: JobRef): string {
  return `${queue}/${tenantId ?? ''}/${id}`
}
