export type { HistoryOptions, Retention } from './history.ts'
export { createMemoryStore, type MemoryStoreOptions } from './memory-store.ts'
export { createStoreFromUrl } from './store-from-url.ts'
