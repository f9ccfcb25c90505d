/** What a server has used up since it started. */
export interface ServerUsage {
  /** Processor time of all its processes; `null` where they cannot be seen from here. */
  readonly cpuMs: number | null
  /** Bytes of its write-ahead log; `null` where it has none. */
  readonly walBytes: number | null
}

/** What somebody else's session may hold open meanwhile. */
export type HeldTransaction = 'snapshot' | 'writer'

/** The server of an open queue, as somebody sees it who stands beside it. */
export interface MeasuredServer {
  /** Does what the server would do some time later, so that it does not do it while the watch runs. */
  settle(): Promise<void>
  usage(): Promise<ServerUsage>
  /** Bytes of memory that it uses; absent where jobs are not kept there. */
  usedMemory?(): Promise<number>
  /**
   * Opens a transaction and leaves it open until disposed of: one that only reads and keeps its
   * `snapshot`, or a `writer` that has written. Absent where the server has no such thing.
   */
  hold?(transaction: HeldTransaction): Promise<AsyncDisposable>
}
