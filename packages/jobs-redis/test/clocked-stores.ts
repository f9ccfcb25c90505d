import type { JobStore } from '@cgk/jobs-core'
import { createTestRedis, type TestRedis } from '@cgk/test-servers'
import { afterAll, afterEach, beforeAll, beforeEach } from 'vitest'
import { openRedisStore } from '../src/redis-store.ts'

/** The stores of a file's tests, under prefixes of their own and with a clock that moves only when told. */
export class ClockedStores {
  now = 0
  #redis!: TestRedis
  #made = 0
  #open: JobStore[] = []

  /** Call it where hooks may be registered: each test begins anew, and leaves no store open. */
  constructor() {
    beforeAll(async () => {
      this.#redis = await createTestRedis()
    }, 600_000)
    afterAll(() => this.#redis[Symbol.asyncDispose]())
    beforeEach(() => {
      this.now = Date.UTC(2040, 0, 1)
    })
    afterEach(async () => {
      for (const store of this.#open.splice(0)) await store.close()
    })
  }

  get url(): string {
    return this.#redis.url
  }

  newPrefix(): string {
    return `${this.#redis.prefix}-${this.#made++}`
  }

  open(prefix = this.newPrefix()): JobStore {
    return this.keep(openRedisStore({ url: this.url, prefix }, { now: () => this.now }))
  }

  /** Closes a store after the test. */
  keep(store: JobStore): JobStore {
    this.#open.push(store)
    return store
  }
}
