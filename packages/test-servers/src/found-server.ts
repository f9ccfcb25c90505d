/** A server to create databases on. */
export interface FoundServer {
  readonly url: string
  /** Stops what the search started; does nothing to a server that was there. */
  stop(): Promise<void>
}
