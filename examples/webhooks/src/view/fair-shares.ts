import type { JobQueue } from '@cgk/jobs'
import { RECEIVE_DELIVERY } from '../jobs/receive-delivery-job.ts'

/** How evenly the worker served the shops, for their weights. */
export interface Fairness {
  /** Jain's index of starts by weight: 1 for exact shares, 1/n when one shop has everything. */
  readonly jainIndex: number
  /** How many starts it is of. */
  readonly starts: number
  /** How many shops took part. */
  readonly shops: number
}

/**
 * Counts who starts how much, and judges it over the time in which every shop had deliveries waiting: a
 * shop with nothing to do gets nothing, and is not wronged by that.
 *
 * @see Jain, Chiu, Hawe: A Quantitative Measure of Fairness (DEC-TR-301, 1984)
 */
export class FairShares {
  readonly #weights: ReadonlyMap<string, number>
  readonly #starts = new Map<string, number>()
  readonly #waiting = new Map<string, number>()
  #fairness: Fairness | null = null

  /** @param weights - of the shops that are judged. */
  constructor(weights: ReadonlyMap<string, number>) {
    this.#weights = weights
  }

  /** Listens to what a queue enqueues and starts in this process. */
  watch(queue: JobQueue): void {
    queue.on('enqueued', ({ job }) => {
      this.enqueued(job.tenantId)
    })
    // Follow-ups were never counted as waiting: no call of this process enqueues them.
    queue.on('started', ({ job, attempt }) => {
      this.started(job.tenantId, attempt === 1 && job.name === RECEIVE_DELIVERY)
    })
  }

  enqueued(shop: string | undefined): void {
    if (shop !== undefined) add(this.#waiting, shop, 1)
  }

  /** @param wasWaiting - whether the job was counted when it was enqueued. */
  started(shop: string | undefined, wasWaiting: boolean): void {
    if (shop === undefined) return
    // Judged before it counts: the start of the last that waits ends the time in which all did.
    if (this.#allWait()) this.#fairness = this.#judge()
    add(this.#starts, shop, 1)
    if (wasWaiting) add(this.#waiting, shop, -1)
  }

  /** Which part of all starts since the beginning a shop had. */
  shareOf(shop: string): number {
    const total = sum(this.#starts.values())
    return total === 0 ? 0 : (this.#starts.get(shop) ?? 0) / total
  }

  /** As of the last start at which every shop had deliveries waiting; `null` if that never was. */
  get fairness(): Fairness | null {
    return this.#fairness
  }

  #allWait(): boolean {
    return [...this.#weights.keys()].every((shop) => (this.#waiting.get(shop) ?? 0) > 0)
  }

  #judge(): Fairness {
    const startsOf = (shop: string): number => this.#starts.get(shop) ?? 0
    const shares = [...this.#weights].map(([shop, weight]) => startsOf(shop) / weight)
    const squares = sum(shares.map((share) => share ** 2))
    return {
      jainIndex: squares === 0 ? 1 : sum(shares) ** 2 / (shares.length * squares),
      starts: sum([...this.#weights.keys()].map(startsOf)),
      shops: shares.length,
    }
  }
}

function add(counts: Map<string, number>, shop: string, more: number): void {
  counts.set(shop, (counts.get(shop) ?? 0) + more)
}

function sum(numbers: Iterable<number>): number {
  let total = 0
  for (const number of numbers) total += number
  return total
}
