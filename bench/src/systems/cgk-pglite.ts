import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { JobStore } from '@cgk/jobs-core'
import { importCgk } from './cgk-packages.ts'
import { openCgkQueue } from './cgk-queue.ts'
import type { System } from './system.ts'

/** Ours on PGlite, the Postgres inside the process; from another checkout where one is named. */
export function cgkPglite(name: string, checkout: string | undefined): System {
  return {
    name,
    settings: { processor: 'defaults', durable: false, multiTenant: true, history: true },
    packages: ['@cgk/jobs-core', '@cgk/jobs-postgres', '@electric-sql/pglite'],
    warmUpJobs: 1000,
    drains: true,
    async open(options) {
      const { store, remove } = await openStore(checkout)
      const opened = await openCgkQueue(checkout, store, options)
      return {
        ...opened,
        async [Symbol.asyncDispose]() {
          await opened[Symbol.asyncDispose]()
          await remove()
        },
      }
    },
    async openStore() {
      const { store, remove } = await openStore(checkout)
      return {
        store,
        async [Symbol.asyncDispose]() {
          await store.close()
          await remove()
        },
      }
    },
  }
}

async function openStore(
  checkout: string | undefined,
): Promise<{ readonly store: JobStore; readonly remove: () => Promise<void> }> {
  const { createStoreFromUrl } = await importCgk('jobs-postgres', checkout)
  const folder = await mkdtemp(join(tmpdir(), 'cgk-bench-pglite-'))
  return {
    store: createStoreFromUrl(`pglite:${folder}`),
    remove: () => rm(folder, { recursive: true }),
  }
}
