import { importCgkPackages } from './cgk-packages.ts'
import { openCgkQueue } from './cgk-queue.ts'
import type { System } from './system.ts'

/** Ours, in memory; from another checkout where one is named. */
export function cgkMemory(name: string, checkout: string | undefined): System {
  return {
    name,
    settings: { processor: 'defaults', durable: false },
    packages: ['@cgk/jobs-core', '@cgk/jobs-memory'],
    async open() {
      const { core, memory } = await importCgkPackages(checkout)
      return openCgkQueue(core, memory.createMemoryStore())
    },
    async openStore() {
      const { memory } = await importCgkPackages(checkout)
      return memory.createMemoryStore()
    },
  }
}
