import type { Job } from './job.ts'
import type { KeyGate } from './key-gate.ts'
import type { KeyScope } from './key-scope.ts'
import { byPriorityThenAdmission } from './lane.ts'
import type { QueueState } from './queue-state.ts'
import { SortedQueue } from './sorted-queue.ts'

/** Jobs of a key and a limiter that are due, and the one of them that claimers are offered. */
interface Line {
  readonly limiter: string | null
  readonly due: SortedQueue<Job>
  offered: Job | null
}

/**
 * The jobs of one concurrency key. Of those that are due the next by priority and admission alone may be
 * claimed, and only while fewer are held than its own limit. Each limiter has a next of its own, so that
 * one which is closed keeps back none but its own jobs; and so have suspects, which are claimed by
 * themselves.
 */
export class ConcurrencyGate implements KeyGate {
  readonly name: string
  scope: KeyScope | null = null
  readonly #queue: QueueState
  readonly #sound: Line[] = []
  readonly #suspect: Line[] = []
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
    this.#lineOf(job).due.push(job)
    return this.#letThrough(this.#linesOf(job))
  }

  withdrawn(job: Job): boolean {
    const line = this.#lineOf(job)
    if (line.offered === job) line.offered = null
    return this.#letThrough(this.#linesOf(job))
  }

  granted(job: Job): void {
    this.#held++
    this.#lineOf(job).offered = null
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

  #letThrough(lines: readonly Line[]): boolean {
    const first = firstOf(lines)
    const isOpen = first !== undefined && this.#lets(first) && this.scope?.admits() !== false
    let opened = false
    for (const line of lines) opened = this.#offerNext(line, isOpen) || opened
    return opened
  }

  #offerNext(line: Line, isOpen: boolean): boolean {
    const { due, offered } = line
    const next = due.peek()
    if (offered !== null) {
      const isFirst = next === undefined || byPriorityThenAdmission(offered, next) < 0
      if (isFirst && isOpen && this.#lets(offered)) return false
      line.offered = null
      this.#queue.conceal(offered)
      due.push(offered)
    }
    const first = due.peek()
    if (first === undefined || !isOpen || !this.#lets(first)) return false
    due.remove(first)
    line.offered = first
    this.#queue.expose(first)
    return true
  }

  #lets(job: Job): boolean {
    return this.#held < job.ties!.concurrencyLimit
  }

  #linesOf({ isSuspect }: Job): Line[] {
    return isSuspect ? this.#suspect : this.#sound
  }

  #lineOf(job: Job): Line {
    const lines = this.#linesOf(job)
    const { limiter } = job.extras
    let line = lines.find((each) => each.limiter === limiter)
    if (line === undefined) {
      line = { limiter, due: new SortedQueue(byPriorityThenAdmission), offered: null }
      lines.push(line)
    }
    return line
  }
}

/** Who decides by its own limit whether one more may be claimed. */
function firstOf(lines: readonly Line[]): Job | undefined {
  let first: Job | undefined
  for (const { due, offered } of lines) {
    for (const job of [offered, due.peek()]) {
      if (job && (first === undefined || byPriorityThenAdmission(job, first) < 0)) first = job
    }
  }
  return first
}
