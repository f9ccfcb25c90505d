import type { Job } from './job.ts'
import type { KeyGate } from './key-gate.ts'
import type { KeyScope } from './key-scope.ts'
import type { QueueState } from './queue-state.ts'

/**
 * The jobs of one ordering key that live, in order of admission. The first alone may be claimed, and
 * only while no worker holds a job of the key.
 */
export class OrderingLine implements KeyGate {
  readonly name: string
  scope: KeyScope | null = null
  readonly #queue: QueueState
  #first: Job | null = null
  #last: Job | null = null
  #held = 0

  constructor(queue: QueueState, name: string) {
    this.name = name
    this.#queue = queue
  }

  get isEmpty(): boolean {
    return this.#first === null
  }

  get held(): number {
    return this.#held
  }

  enter(job: Job): void {
    const ties = job.ties!
    const { turn } = ties
    let ahead = this.#last
    while (ahead !== null && ahead.ties!.turn > turn) ahead = ahead.ties!.ahead
    const behind = ahead === null ? this.#first : ahead.ties!.behind
    ties.ahead = ahead
    ties.behind = behind
    if (ahead === null) this.#first = job
    else ahead.ties!.behind = job
    if (behind === null) this.#last = job
    else behind.ties!.ahead = job
    if (ahead === null && behind !== null) this.#keepBack(behind)
  }

  leave(job: Job): boolean {
    const { ahead, behind } = job.ties!
    if (ahead === null) this.#first = behind
    else ahead.ties!.behind = behind
    if (behind === null) this.#last = ahead
    else behind.ties!.ahead = ahead
    job.ties!.ahead = null
    job.ties!.behind = null
    return this.#letThrough()
  }

  offer(job: Job): boolean {
    job.ties!.isParked = true
    return this.#letThrough()
  }

  withdrawn(job: Job): boolean {
    job.ties!.isParked = false
    return false
  }

  granted(): void {
    this.#held++
  }

  released(): boolean {
    this.#held--
    return this.#letThrough()
  }

  reconsider(): boolean {
    return this.#letThrough()
  }

  admits(job: Job): boolean {
    return this.#first === job && this.#held === 0
  }

  #keepBack(job: Job): void {
    if (this.#queue.conceal(job)) job.ties!.isParked = true
    else this.#queue.lull(job)
  }

  #letThrough(): boolean {
    const job = this.#first
    if (job === null || this.#held > 0 || !isWaiting(job)) return false
    if (this.scope !== null && !this.scope.admits()) {
      this.#keepBack(job)
      return false
    }
    if (!job.ties!.isParked) {
      this.#queue.rouse(job)
      return false
    }
    job.ties!.isParked = false
    this.#queue.expose(job)
    return true
  }
}

/** Not so while the end of its attempt is being taken down. */
function isWaiting({ home, ties }: Job): boolean {
  return home !== null || ties!.isParked
}
