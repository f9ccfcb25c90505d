import type { Db } from '@cgk/db'

const FIRST_LOOK_MS = 10
const LAST_LOOK_MS = 500

/** How long a look may take, which closing waits for. */
const ANSWER_MS = 2_000

/**
 * Tells when transactions of others have been committed. No driver tells it, so the server is asked, seldomer
 * the longer it takes.
 */
export class CommitWatch {
  readonly #open: () => Promise<{ readonly db: Pick<Db, 'control'> }>
  readonly #watched = new Map<string, Set<() => void>>()
  #pauseMs = FIRST_LOOK_MS
  #timer: NodeJS.Timeout | undefined
  #looking: Promise<void> | undefined
  #isClosed = false

  constructor(open: () => Promise<{ readonly db: Pick<Db, 'control'> }>) {
    this.#open = open
  }

  /** @param xid - of the transaction, as text. */
  watch(xid: string, onCommit: () => void): void {
    const callbacks = this.#watched.get(xid)
    if (callbacks === undefined) this.#watched.set(xid, new Set([onCommit]))
    else callbacks.add(onCommit)
    if (this.#pauseMs > FIRST_LOOK_MS) {
      this.#pauseMs = FIRST_LOOK_MS
      this.#forgetTimer()
    }
    this.#lookLater()
  }

  /** Looks for the last time. */
  async close(): Promise<void> {
    this.#isClosed = true
    this.#forgetTimer()
    await this.#looking
    await this.#look()
    this.#watched.clear()
  }

  /** A look that is due is not put off: transactions may begin one after the other all the time. */
  #lookLater(): void {
    if (this.#isClosed || this.#watched.size === 0) return
    if (this.#timer !== undefined || this.#looking !== undefined) return
    this.#timer = setTimeout(() => {
      this.#timer = undefined
      this.#looking = this.#look().then(() => {
        this.#looking = undefined
        this.#pauseMs = Math.min(this.#pauseMs * 2, LAST_LOOK_MS)
        this.#lookLater()
      })
    }, this.#pauseMs).unref()
  }

  #forgetTimer(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
  }

  async #look(): Promise<void> {
    if (this.#watched.size === 0) return
    try {
      const { db } = await this.#open()
      const ended = await db.control.query<{
        readonly xid: string
        readonly status: string | null
      }>(
        // After a failover one may be yet to come, and the server refuses to speak of such.
        `select w.xid, w.status from (
           select x.xid, case when x.xid::xid8 < pg_snapshot_xmax(pg_current_snapshot())
             then pg_xact_status(x.xid::xid8) else 'in progress' end as status
           from unnest($1::text[]) as x (xid)
         ) w where w.status is distinct from 'in progress'`,
        [[...this.#watched.keys()]],
        { signal: AbortSignal.timeout(ANSWER_MS) },
      )
      for (const { xid, status } of ended) {
        const callbacks = this.#watched.get(xid) ?? []
        this.#watched.delete(xid)
        if (status === 'committed') for (const callback of callbacks) callback()
      }
    } catch {
      // Looked for again: who does not hear of a commit at once polls.
    }
  }
}
