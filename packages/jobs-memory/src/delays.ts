import type { Job } from './job.ts'
import { SortedQueue } from './sorted-queue.ts'

/** The jobs of one queue that wait for their time. */
export class Delays {
  readonly #delayed = new SortedQueue<Job>(byTimeThenSerial)
  /** Those that a key keeps back whatever the time: claimers need not look when it comes. */
  readonly #dormant = new SortedQueue<Job>(byTimeThenSerial)

  add(job: Job): void {
    if (mayRunInTime(job)) this.#delayed.push(job)
    else this.#dormant.push(job)
  }

  /** Claimers are to look when the job's time comes. */
  rouse(job: Job): void {
    if (job.home !== this.#dormant || !mayRunInTime(job)) return
    this.#dormant.remove(job)
    this.#delayed.push(job)
  }

  /** Claimers are not to look when the job's time comes. */
  lull(job: Job): void {
    if (job.home !== this.#delayed) return
    this.#delayed.remove(job)
    this.#dormant.push(job)
  }

  /** When the first job comes due for which claimers are to look; `Infinity` for never. */
  get nextDueAt(): number {
    return this.#delayed.peek()?.runAt ?? Infinity
  }

  /** Gives up the next job whose time has come. */
  takeDue(now: number): Job | undefined {
    const delayed = this.#delayed.peek()
    const dormant = this.#dormant.peek()
    const next =
      delayed === undefined || (dormant !== undefined && byTimeThenSerial(dormant, delayed) < 0)
        ? dormant
        : delayed
    if (next === undefined || next.runAt > now) return undefined
    next.home!.remove(next)
    return next
  }
}

function byTimeThenSerial(a: Job, b: Job): number {
  return a.runAt - b.runAt || a.serial - b.serial
}

/** Whether nothing but its time keeps a waiting job back, as things stand. */
function mayRunInTime(job: Job): boolean {
  const { ties } = job
  if (ties === null) return true
  return ties.hold?.successor !== job && (ties.gate === null || ties.gate.admits(job))
}
