import { importCgk } from './cgk-packages.ts'
import { openCgkQueue } from './cgk-queue.ts'
import type { System } from './system.ts'

/** Ours, in memory; from another checkout where one is named. */
export function cgkMemory(name: string, checkout: string | undefined): System {
  return {
    name,
    settings: { processor: 'defaults', durable: false, multiTenant: true, history: true },
    packages: ['@cgk/jobs-core', '@cgk/jobs-memory'],
    warmUpJobs: 100_000,
    drains: true,
    async open(options) {
      const { createMemoryStore } = await importCgk('jobs-memory', checkout)
      return openCgkQueue(checkout, createMemoryStore(), options)
    },
    async openStore() {
      const { createMemoryStore } = await importCgk('jobs-memory', checkout)
      const store = createMemoryStore()
      return { store, [Symbol.asyncDispose]: () => store.close() }
    },
  }
}
