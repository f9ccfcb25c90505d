import { randomBytes } from 'node:crypto'
import { deleteKeys } from './delete-keys.ts'
import { findRedisServer } from './find-redis.ts'
import type { FoundServer } from './found-server.ts'

/** Hands out prefixes of keys on one Redis server, which is looked for when the first is asked for. */
export class RedisPrefixes {
  readonly #prefixes = new Set<string>()
  #server: Promise<FoundServer> | undefined

  async create(): Promise<{ readonly url: string; readonly prefix: string }> {
    this.#server ??= findRedisServer()
    const { url } = await this.#server
    const prefix = `cgk-test-${randomBytes(6).toString('hex')}`
    this.#prefixes.add(prefix)
    return { url, prefix }
  }

  /** Deletes what has the prefix, if it was handed out here. */
  async delete(prefix: string): Promise<void> {
    if (!this.#prefixes.delete(prefix)) return
    const { url } = await this.#server!
    // Stores keep the keys of a queue together by putting them into braces.
    await deleteKeys(url, prefix)
    await deleteKeys(url, `{${prefix}`)
  }

  async stop(): Promise<void> {
    for (const prefix of this.#prefixes) {
      // What is left behind is no reason to leave the server running too.
      await this.delete(prefix).catch(() => {})
    }
    await this.#server?.then(
      (found) => found.stop(),
      () => {},
    )
  }
}
