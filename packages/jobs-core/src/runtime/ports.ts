/** Time as the runtime reads it. */
export interface Clock {
  /** Wall time in epoch milliseconds. For what people read; never to decide about a lease. */
  now(): number
  /** Milliseconds that never go back, from an arbitrary origin, with fractions. */
  monotonic(): number
}

/** Undoes a scheduled call; harmless when it has run. */
export type CancelTimer = () => void

/** Timers as the runtime sets them. */
export interface Timers {
  /**
   * Calls `fn` once after `delayMs`, however long that is (delays beyond 2³¹ ms included).
   *
   * @param options.background - do not keep an otherwise idle process open for this. Default `false`.
   */
  after(delayMs: number, fn: () => void, options?: { readonly background?: boolean }): CancelTimer
  /** Calls `fn` once pending input and output and due timers have had their turn. */
  soon(fn: () => void): void
}

/** Randomness as the runtime draws it. */
export interface Random {
  /** Evenly distributed in [0, 1). For jitter. */
  next(): number
  /** Lower-case hexadecimal digits that nobody can guess. For ids and tokens. */
  hex(digits: number): string
}

/**
 * What a process is to the runtime. Everything that is not a pure function of its input comes
 * through here, so that the whole runtime runs under a simulator with a seed.
 */
export interface RuntimePorts {
  readonly clock: Clock
  readonly timers: Timers
  readonly random: Random
}

/**
 * Where the runtime says what it does by itself: errors it retries, leases it lost, a blocked event
 * loop. Fields never hold payloads. A `pino` logger fits with its arguments turned round.
 */
export interface JobsLogger {
  warn(message: string, fields?: Readonly<Record<string, unknown>>): void
  error(message: string, fields?: Readonly<Record<string, unknown>>): void
}
