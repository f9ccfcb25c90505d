import type { Job } from './job.ts'
import type { KeyGate } from './key-gate.ts'
import type { KeyScope } from './key-scope.ts'
import { byPriorityThenAdmission } from './lane.ts'
import type { QueueState } from './queue-state.ts'
import { SortedQueue } from './sorted-queue.ts'

/** Jobs of a key that are due, and the one of them that claimers are offered. */
interface Candidates {
  readonly due: SortedQueue<Job>
  offered: Job | null
}

/**
 * The jobs of one concurrency key. Of those that are due the next by priority and admission alone may be
 * claimed, and only while fewer are held than its own limit. Suspects, which are claimed by themselves,
 * have a next of their own.
 */
export class ConcurrencyGate implements KeyGate {
  readonly name: string
  scope: KeyScope | null = null
  readonly #queue: QueueState
  readonly #sound: Candidates = makeCandidates()
  readonly #suspect: Candidates = makeCandidates()
  #size = 0
  #held = 0

  constructor(queue: QueueState, name: string) {
    this.name = name
    this.#queue = queue
  }

  get isEmpty(): boolean {
    return this.#size === 0
  }

  get held(): number {
    return this.#held
  }

  enter(): void {
    this.#size++
  }

  leave(): boolean {
    this.#size--
    return false
  }

  offer(job: Job): boolean {
    const candidates = job.isSuspect ? this.#suspect : this.#sound
    candidates.due.push(job)
    return this.#letThrough(candidates)
  }

  withdrawn(job: Job): boolean {
    const candidates = job.isSuspect ? this.#suspect : this.#sound
    if (candidates.offered === job) candidates.offered = null
    return this.#letThrough(candidates)
  }

  granted(job: Job): void {
    this.#held++
    const candidates = job.isSuspect ? this.#suspect : this.#sound
    candidates.offered = null
    this.#letAnyThrough()
  }

  released(): boolean {
    this.#held--
    return this.#letAnyThrough()
  }

  reconsider(): boolean {
    return this.#letAnyThrough()
  }

  /** A job that waits for its time stands in nobody's way; whether it may then run shows then. */
  admits(): boolean {
    return true
  }

  #letAnyThrough(): boolean {
    const sound = this.#letThrough(this.#sound)
    return this.#letThrough(this.#suspect) || sound
  }

  #letThrough(candidates: Candidates): boolean {
    const { due, offered } = candidates
    const next = due.peek()
    if (offered !== null) {
      const isNext = next === undefined || byPriorityThenAdmission(offered, next) < 0
      if (isNext && this.#hasRoom(offered)) return false
      candidates.offered = null
      this.#queue.conceal(offered)
      due.push(offered)
    }
    const first = due.peek()
    if (first === undefined || !this.#hasRoom(first)) return false
    due.remove(first)
    candidates.offered = first
    this.#queue.expose(first)
    return true
  }

  #hasRoom(job: Job): boolean {
    return this.#held < job.ties!.concurrencyLimit && (this.scope === null || this.scope.admits())
  }
}

function makeCandidates(): Candidates {
  return { due: new SortedQueue(byPriorityThenAdmission), offered: null }
}
