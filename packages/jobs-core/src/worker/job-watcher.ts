import { isJobsError } from '../errors.ts'
import type { JobEvents } from '../events/queue-events.ts'
import type { JobEventType } from '../events/job-event.ts'
import type { CancelTimer, Clock, JobsLogger, Timers } from '../runtime/ports.ts'
import type { JobRecord, JobRef } from '../storage/job-record.ts'

const FIRST_LOOK_MS = 25
const LONGEST_LOOK_MS = 1_000

/** At most so many jobs per call, and one call at a time. */
const BATCH = 1_000

/** What ends a job in this process. */
const ENDS = ['completed', 'failed', 'cancelled'] as const satisfies readonly JobEventType[]

interface Watch {
  readonly ref: JobRef
  /** When to look next, on the monotonic clock; `Infinity` while that is under way. */
  dueAt: number
  /** How long after a look that finds the job alive the next follows. */
  pauseMs: number
  readonly waiters: Set<JobWaiter>
}

/** Who waits for the end of a job; told once. */
export interface JobWaiter {
  /** @param record - of the ended job; `null` where no such job is retained. */
  ended(record: JobRecord | null): void
  /** The store refuses to say. */
  failed(error: unknown): void
}

/** What the watcher needs of its surroundings. */
export interface JobWatcherPorts {
  readonly clock: Clock
  readonly timers: Timers
  readonly logger: JobsLogger
  readonly events: JobEvents
  readonly get: (refs: readonly JobRef[]) => Promise<readonly (JobRecord | null)[]>
}

/**
 * Waits for the ends of jobs, for everybody in this process at once: it looks at all jobs that are due
 * for a look in calls of up to 1,000, at each first after 25 ms and then half as often every time, once
 * a second in the end. A job that ends in this process is looked at immediately.
 */
export class JobWatcher {
  readonly #ports: JobWatcherPorts
  readonly #watches = new Map<string, Watch>()
  /** By queue: stops hearing of the jobs that end in this process. */
  readonly #deafen = new Map<string, () => void>()
  /** To be looked at now. */
  readonly #due = new Set<Watch>()
  #looking = false
  #timer: { readonly at: number; readonly cancel: CancelTimer } | null = null

  constructor(ports: JobWatcherPorts) {
    this.#ports = ports
  }

  /** Tells the waiter when the job has ended, unless the returned function is called before. */
  watch(ref: JobRef, waiter: JobWaiter): () => void {
    const key = keyOf(ref)
    let watch = this.#watches.get(key)
    if (watch === undefined) {
      watch = { ref, dueAt: Infinity, pauseMs: FIRST_LOOK_MS, waiters: new Set() }
      this.#watches.set(key, watch)
      this.#listen(ref.queue)
    }
    watch.waiters.add(waiter)
    this.#lookAt(watch)
    const watched = watch
    return () => {
      watched.waiters.delete(waiter)
      if (watched.waiters.size === 0) this.#forget(watched)
    }
  }

  #listen(queue: string): void {
    if (this.#deafen.has(queue)) return
    const events = this.#ports.events.of(queue)
    const offs = ENDS.map((type) =>
      events.on(type, ({ job: { id, tenantId = null } }) => {
        const watch = this.#watches.get(keyOf({ queue, tenantId, id }))
        if (watch !== undefined) this.#lookAt(watch)
      }),
    )
    this.#deafen.set(queue, () => {
      for (const off of offs) off()
    })
  }

  #forget(watch: Watch): void {
    const key = keyOf(watch.ref)
    if (this.#watches.get(key) === watch) this.#watches.delete(key)
    this.#due.delete(watch)
    if (this.#watches.size > 0) return
    this.#timer?.cancel()
    this.#timer = null
    for (const deafen of this.#deafen.values()) deafen()
    this.#deafen.clear()
  }

  /** Looks at once, together with whatever else this turn asks for. */
  #lookAt(watch: Watch): void {
    watch.dueAt = Infinity
    this.#due.add(watch)
    if (this.#looking) return
    this.#looking = true
    queueMicrotask(() => void this.#look())
  }

  async #look(): Promise<void> {
    while (this.#due.size > 0) {
      const due = [...this.#due]
      this.#due.clear()
      for (let from = 0; from < due.length; from += BATCH) {
        await this.#ask(due.slice(from, from + BATCH))
      }
    }
    this.#looking = false
  }

  async #ask(watches: readonly Watch[]): Promise<void> {
    const { logger, get } = this.#ports
    try {
      const records = await get(watches.map(({ ref }) => ref))
      for (let index = 0; index < watches.length; index++) {
        this.#answered(watches[index]!, records[index]!)
      }
    } catch (error) {
      if (isJobsError(error) && !error.retryable) {
        for (const watch of watches)
          this.#tell(watch, (waiter) => {
            waiter.failed(error)
          })
        return
      }
      logger.warn('jobs that are waited for could not be looked at; it is tried again', {
        jobs: watches.length,
        error,
      })
      for (const watch of watches) this.#lookLater(watch)
    }
  }

  #answered(watch: Watch, record: JobRecord | null): void {
    if (record === null || record.endedAt !== null) {
      this.#tell(watch, (waiter) => {
        waiter.ended(record)
      })
    } else {
      this.#lookLater(watch)
    }
  }

  #lookLater(watch: Watch): void {
    // Nobody waits any more.
    if (watch.waiters.size === 0) return
    watch.dueAt = this.#ports.clock.monotonic() + watch.pauseMs
    watch.pauseMs = Math.min(watch.pauseMs * 2, LONGEST_LOOK_MS)
    this.#wakeAt(watch.dueAt)
  }

  // Not too soon, so that jobs that are due one after the other are looked at together.
  #wakeAt(dueAt: number): void {
    const { clock, timers } = this.#ports
    const now = clock.monotonic()
    const at = Math.max(dueAt, now + FIRST_LOOK_MS)
    if (this.#timer !== null) {
      if (this.#timer.at <= at) return
      this.#timer.cancel()
    }
    const cancel = timers.after(at - now, () => {
      this.#timer = null
      this.#wake()
    })
    this.#timer = { at, cancel }
  }

  #wake(): void {
    const now = this.#ports.clock.monotonic()
    let nextAt = Infinity
    for (const watch of this.#watches.values()) {
      if (watch.dueAt <= now) this.#lookAt(watch)
      else nextAt = Math.min(nextAt, watch.dueAt)
    }
    if (nextAt < Infinity) this.#wakeAt(nextAt)
  }

  #tell(watch: Watch, call: (waiter: JobWaiter) => void): void {
    this.#forget(watch)
    for (const waiter of watch.waiters) call(waiter)
  }
}

function keyOf({ queue, tenantId, id }: JobRef): string {
  return `${queue}/${tenantId ?? ''}/${id}`
}
