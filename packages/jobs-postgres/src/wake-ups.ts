import { randomBytes } from 'node:crypto'
import type { CallOptions, ClaimRequest, ClaimResult, WakeUp } from '@cgk/jobs-core'
import { isDbError, type Db, type Pipeline } from '@cgk/db'
import { unlessAborted } from './unless-aborted.ts'

type Reason = WakeUp['reason']

/**
 * A hint goes out at once, and those of the next moment together as one more: NOTIFY makes commits that
 * carry it wait for each other, so that one for each call would cost more than the call.
 */
const SPACING_MS = 20

const LISTEN_AGAIN_MS = 1000

/** How long a hint may take, which closing waits for. */
const ANSWER_MS = 2_000

/**
 * For how long a queue is offered nothing once a claim waited in vain, twice as long each time in a row: one with limits,
 * or that others work on too, stays so, and there a claim behind the enqueue is quicker than one after it.
 */
const FIRST_REST_MS = 20
const LONGEST_REST_MS = 1_000

/** A claim that is made when what it waits for turns out to be for others too. */
export interface WaitingClaim {
  readonly request: ClaimRequest
  /**
   * Answers it, once; with nothing it is to look for itself.
   *
   * @returns `false` where nobody waits for the answer any more.
   */
  give(result: ClaimResult | undefined): boolean
}

/** Where hints are sent to and come from. */
interface Channel {
  readonly db: Db
  /** Quoted. */
  readonly schema: string
}

/**
 * The hints of one store. Whoever listens to the same store hears them at once. To others they are sent after
 * the call that gave rise to them, in a statement of their own, so that no commit of a job carries one. What
 * others sent while nothing listened is lost: once something does, listeners are told to look.
 */
export class WakeUps {
  readonly #open: () => Promise<Channel>
  /** What this store sent has been heard here before it comes back. */
  readonly #origin = randomBytes(6).toString('base64url')
  readonly #listeners = new Set<(wakeUp: WakeUp) => void>()
  /** Hints sent a moment ago, with whether there is more to tell since. */
  readonly #recent = new Map<string, { timer: NodeJS.Timeout; isDue: boolean }>()
  readonly #sending = new Set<Promise<void>>()
  /** Claims that are under way. */
  #claims = 0
  /** The queue of a job that is about to be sent, while listeners are told of it. */
  #offered: string | undefined
  #waiting: WaitingClaim | undefined
  /** Queues of which the last claim that waited did so in vain. */
  readonly #resting = new Map<string, { readonly ms: number; readonly until: number }>()
  #behind: { readonly queue: string; readonly pipeline: Pipeline } | undefined
  #stopListening: (() => Promise<void>) | undefined
  #isListening = false
  #isClosed = false

  /** @param open - of the store: what it waits for, hints wait for too. */
  constructor(open: () => Promise<Channel>) {
    this.#open = open
  }

  /** Whether somebody listens here, so that it is worth while to say what is to be expected. */
  get isHeard(): boolean {
    return this.#listeners.size > 0
  }

  /** A job of the queue may have become claimable. */
  ready(queue: string): void {
    this.#tell('ready', queue)
  }

  /**
   * A job of the queue is on its way to the server: who listens here and has room may claim right behind it. It then
   * falls to that claim to tell others, if it leaves them anything.
   *
   * @returns whether somebody does.
   */
  expect(queue: string, behind: Pipeline): boolean {
    // One that is under way may find it, or will be followed by another when the job is there.
    if (this.#listeners.size === 0 || this.#claims > 0) return false
    this.#behind = { queue, pipeline: behind }
    this.#deliver({ queue, reason: 'ready' })
    const isTaken = this.#behind === undefined
    this.#behind = undefined
    return isTaken
  }

  /**
   * A job of the queue is about to be sent to the server: the claim of a worker that listens here and has room waits for
   * it, if it may be given to it. It then falls to that claim to tell others, if it leaves them anything.
   */
  offer(queue: string): WaitingClaim | undefined {
    if (this.#listeners.size === 0 || this.#claims > 0) return undefined
    if (performance.now() < (this.#resting.get(queue)?.until ?? 0)) return undefined
    this.#offered = queue
    this.#deliver({ queue, reason: 'ready' })
    this.#offered = undefined
    const waiting = this.#waiting
    this.#waiting = undefined
    return waiting
  }

  /**
   * Makes a claim, unless it is given what it waited for; `behind` is where, if whoever makes it was just told to expect
   * a job.
   */
  async claim(
    request: ClaimRequest,
    options: CallOptions | undefined,
    make: (behind: Pipeline | undefined) => Promise<ClaimResult>,
  ): Promise<ClaimResult> {
    const { queue } = request
    const behind = this.#takeBehind(queue)
    const given = this.#takeOffer(request, options?.signal)
    this.#claims += 1
    let isMoreLeft = true
    try {
      const result = (await given) ?? (await make(behind))
      isMoreLeft = result.nextDueInMs === 0
      return result
    } finally {
      this.#claims -= 1
      if ((behind ?? given) !== undefined && isMoreLeft) this.#tell('ready', queue)
    }
  }

  /** Leases of the queue were cancelled, or a pause began. */
  changed(queue: string): void {
    this.#tell('changed', queue)
  }

  subscribe(listener: (wakeUp: WakeUp) => void): () => void {
    // A function of our own, so that one listener subscribed twice is two subscriptions.
    const call = (wakeUp: WakeUp): void => {
      listener(wakeUp)
    }
    this.#listeners.add(call)
    if (!this.#isListening) {
      this.#isListening = true
      void this.#listen()
    }
    return () => {
      this.#listeners.delete(call)
    }
  }

  /** Sends what is due, and listens no more. */
  async close(): Promise<void> {
    this.#listeners.clear()
    for (const [hint, { timer, isDue }] of this.#recent) {
      clearTimeout(timer)
      if (isDue) this.#send(hint)
    }
    this.#isClosed = true
    this.#recent.clear()
    await Promise.all(this.#sending)
    await this.#stopListening?.().catch(() => {})
  }

  #takeOffer(
    request: ClaimRequest,
    signal: AbortSignal | undefined,
  ): Promise<ClaimResult | undefined> | undefined {
    const { queue, slots, suspects } = request
    if (this.#offered !== queue || slots === 0 || suspects || signal?.aborted === true) {
      return undefined
    }
    this.#offered = undefined
    const { promise, resolve } = Promise.withResolvers<ClaimResult | undefined>()
    this.#waiting = {
      request,
      give: (result) => {
        if (result === undefined) this.#rest(queue)
        else this.#resting.delete(queue)
        if (signal?.aborted === true) return false
        resolve(result)
        return true
      },
    }
    return unlessAborted(promise, signal)
  }

  #rest(queue: string): void {
    const last = this.#resting.get(queue)
    const ms = last === undefined ? FIRST_REST_MS : Math.min(2 * last.ms, LONGEST_REST_MS)
    this.#resting.set(queue, { ms, until: performance.now() + ms })
  }

  #takeBehind(queue: string): Pipeline | undefined {
    if (this.#behind?.queue !== queue) return undefined
    const { pipeline } = this.#behind
    this.#behind = undefined
    return pipeline
  }

  #tell(reason: Reason, queue: string): void {
    this.#deliver({ queue, reason })
    this.#announce(reason, queue)
  }

  #announce(reason: Reason, queue: string): void {
    const hint = `${reason} ${this.#origin} ${queue}`
    const recent = this.#recent.get(hint)
    if (recent !== undefined) recent.isDue = true
    else this.#send(hint)
  }

  #send(hint: string): void {
    if (this.#isClosed) return
    const timer = setTimeout(() => {
      const isDue = this.#recent.get(hint)?.isDue === true
      this.#recent.delete(hint)
      if (isDue) this.#send(hint)
    }, SPACING_MS)
    this.#recent.set(hint, { timer, isDue: false })
    // A hint that is lost costs latency and nothing else.
    const sending = this.#notify(hint).catch(() => {})
    this.#sending.add(sending)
    void sending.finally(() => this.#sending.delete(sending))
  }

  async #notify(hint: string): Promise<void> {
    const { db, schema } = await this.#open()
    const signal = AbortSignal.timeout(ANSWER_MS)
    await db.query(`select ${schema}.hint($1)`, [hint], { signal })
  }

  async #listen(): Promise<void> {
    try {
      const { db, schema } = await this.#open()
      const rows = await db.query<{ readonly channel: string }>(
        `select ${schema}.hint_channel() as channel`,
        [],
        { signal: AbortSignal.timeout(ANSWER_MS) },
      )
      const lookAnew = (): void => this.#deliver({ queue: null, reason: 'ready' })
      const stop = await db.listen(rows[0]!.channel, {
        onNotify: (hint) => this.#hear(hint),
        onRestored: lookAnew,
      })
      this.#stopListening = stop
      lookAnew()
      if (this.#isClosed) await stop()
    } catch (error) {
      // Behind a pooler nobody can listen: workers poll.
      if (this.#isClosed || isDbError(error, 'DB_LISTEN_UNSUPPORTED')) return
      setTimeout(() => {
        if (!this.#isClosed) void this.#listen()
      }, LISTEN_AGAIN_MS).unref()
    }
  }

  #hear(hint: string): void {
    const [, reason, origin, queue] = /^(\S+) (\S+) (.*)$/s.exec(hint) ?? []
    if (queue === undefined || origin === this.#origin) return
    this.#deliver({ queue, reason: reason as Reason })
  }

  #deliver(wakeUp: WakeUp): void {
    for (const listener of this.#listeners) {
      try {
        listener(wakeUp)
      } catch {
        // The hint is all a listener is owed; its error must not keep it from the others.
      }
    }
  }
}
