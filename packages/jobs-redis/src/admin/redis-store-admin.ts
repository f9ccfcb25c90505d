import type { CallOptions, StoreAdmin, StoreFinding } from '@cgk/jobs-core'
import { parseUrl, type Named } from '../parse-url.ts'
import { examine } from './examine.ts'

/** The care of a store. It holds no connection between its calls. */
export class RedisStoreAdmin implements StoreAdmin {
  readonly name = 'redis'
  /** The functions are loaded by whoever misses them. */
  readonly migrations = null
  readonly #named: Named
  readonly #prefix: string

  /** @throws {@link JobsError} `JOBS_INVALID_CONFIG` for a URL of something else. */
  constructor(url: string, prefix: string) {
    this.#named = parseUrl(url)
    this.#prefix = prefix
  }

  examine(options?: CallOptions): Promise<readonly StoreFinding[]> {
    return examine(this.#named, this.#prefix, options)
  }

  async close(): Promise<void> {}

  async [Symbol.asyncDispose](): Promise<void> {}
}
