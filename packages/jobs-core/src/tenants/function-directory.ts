import { JobsError } from '../errors.ts'
import { consoleLogger } from '../runtime/console-logger.ts'
import { guarded } from '../runtime/guarded-logger.ts'
import { type JobsRuntime, processRuntime } from '../runtime/jobs-runtime.ts'
import type { CancelTimer, JobsLogger } from '../runtime/ports.ts'
import { checkTenants } from './check-tenants.ts'
import { KnownTenants } from './known-tenants.ts'
import type { Tenant, TenantEntry, TenantMap } from './tenant.ts'
import type { TenantDirectory } from './tenant-directory.ts'

const DEFAULT_REFRESH_MS = 30_000
const SHORTEST_REFRESH_MS = 100
const LONGEST_REFRESH_MS = 86_400_000
/** An answer that takes longer is none. */
const ANSWER_DEADLINE_MS = 10_000

/** Where the tenants come from: asked again and again. */
export type TenantFunction = () => readonly TenantEntry[] | Promise<readonly TenantEntry[]>

/** How {@link functionDirectory} goes about it. */
export interface FunctionDirectoryOptions {
  /** Milliseconds from one answer to the next question; 100 to a day. @defaultValue 30000 */
  readonly refreshMs?: number
  /**
   * Calls back whenever asking at once is worth it, until the function it returns is called. A hint:
   * what it misses, the next refresh finds.
   */
  readonly watch?: (changed: () => void) => () => void
  /** Hears of answers that are wrong or do not come. @defaultValue the console */
  readonly logger?: JobsLogger
  /** A runtime of its own, for simulators and tests. @defaultValue the process's */
  readonly runtime?: JobsRuntime
}

/**
 * A directory whose tenants a function tells, asked first when somebody needs them and then again
 * every so often. An answer that fails, is wrong or does not come within 10 s is reported, and the last
 * good one stays. An idle directory holds no process open.
 *
 * @throws {@link JobsError} `JOBS_INVALID_CONFIG`
 *
 * @example
 * ```ts
 * const directory = functionDirectory(() => db.select().from(tenants), { refreshMs: 60_000 })
 * ```
 */
export function functionDirectory(
  tenants: TenantFunction,
  options: FunctionDirectoryOptions = {},
): TenantDirectory {
  const { refreshMs = DEFAULT_REFRESH_MS } = options
  if (typeof tenants !== 'function') {
    throw new JobsError('JOBS_INVALID_CONFIG', 'functionDirectory needs a function')
  }
  if (!(refreshMs >= SHORTEST_REFRESH_MS && refreshMs <= LONGEST_REFRESH_MS)) {
    throw new JobsError(
      'JOBS_INVALID_CONFIG',
      `refreshMs must be from ${SHORTEST_REFRESH_MS} to ${LONGEST_REFRESH_MS}`,
    )
  }
  return new FunctionDirectory(tenants, refreshMs, options)
}

class FunctionDirectory implements TenantDirectory {
  readonly #ask: TenantFunction
  readonly #refreshMs: number
  readonly #watch: FunctionDirectoryOptions['watch']
  readonly #runtime: JobsRuntime
  readonly #logger: JobsLogger
  readonly #known: KnownTenants
  /** What was reported last; the same again says nothing new. */
  #trouble: string | null = null
  #asking: Promise<TenantMap> | null = null
  /** A hint came while the source was asked, which may have missed what it was about. */
  #hinted = false
  #unwatch: (() => void) | null = null
  #cancelTimer: CancelTimer | null = null
  #closed = false

  constructor(
    ask: TenantFunction,
    refreshMs: number,
    { watch, runtime = processRuntime(), logger = consoleLogger }: FunctionDirectoryOptions,
  ) {
    this.#ask = ask
    this.#refreshMs = refreshMs
    this.#watch = watch
    this.#runtime = runtime
    this.#logger = guarded(logger)
    this.#known = new KnownTenants(this.#logger)
  }

  current(): TenantMap | null {
    return this.#known.current()
  }

  get(id: string): Tenant | undefined {
    return this.#known.get(id)
  }

  ready(): Promise<TenantMap> {
    const tenants = this.#known.current()
    return tenants === null ? this.#refresh() : Promise.resolve(tenants)
  }

  subscribe(listener: (tenants: TenantMap) => void): () => void {
    return this.#known.subscribe(listener)
  }

  close(): void {
    this.#closed = true
    this.#unwatch?.()
    this.#unwatch = null
    this.#cancelTimer?.()
    this.#cancelTimer = null
  }

  #refresh(): Promise<TenantMap> {
    if (this.#asking !== null) return this.#asking
    // First, so that no change falls between the answer and the watch.
    if (!this.#closed) this.#unwatch ??= this.#watch?.(() => this.#changed()) ?? null
    this.#cancelTimer?.()
    this.#cancelTimer = null
    this.#hinted = false
    const asking = this.#answer().finally(() => {
      this.#asking = null
      if (this.#hinted) this.#refreshByItself()
      else this.#refreshLater()
    })
    this.#asking = asking
    return asking
  }

  async #answer(): Promise<TenantMap> {
    let cancel: CancelTimer = () => {}
    const late = new Promise<never>((_, reject) => {
      cancel = this.#runtime.ports.timers.after(
        ANSWER_DEADLINE_MS,
        () => {
          reject(new Error(`there was no answer within ${ANSWER_DEADLINE_MS} ms`))
        },
        { background: true },
      )
    })
    try {
      const entries = await Promise.race([Promise.resolve().then(() => this.#ask()), late])
      const tenants = this.#known.replace(checkTenants(entries))
      this.#trouble = null
      return tenants
    } catch (error) {
      this.#report(error)
      throw error
    } finally {
      cancel()
    }
  }

  #report(error: unknown): void {
    const trouble = error instanceof Error ? error.message : String(error)
    if (trouble === this.#trouble) return
    this.#trouble = trouble
    const kept = this.#known.current()
    this.#logger.error(
      kept === null
        ? 'the tenants are not known; their source is asked again'
        : 'the tenants could not be read anew; the last good ones stay',
      { tenants: kept?.size ?? 0, error },
    )
  }

  #changed(): void {
    if (this.#asking === null) this.#refreshByItself()
    else this.#hinted = true
  }

  #refreshLater(): void {
    if (this.#closed) return
    this.#cancelTimer = this.#runtime.ports.timers.after(
      this.#refreshMs,
      () => {
        this.#refreshByItself()
      },
      { background: true },
    )
  }

  #refreshByItself(): void {
    if (this.#closed) return
    // Reported there.
    this.#refresh().catch(() => {})
  }
}
