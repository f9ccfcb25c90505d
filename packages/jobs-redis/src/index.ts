export type { HistoryOptions, Retention } from './history.ts'
export type { ClientSource } from './open-client.ts'
export { createRedisStore, type RedisStoreOptions } from './redis-store.ts'
export { createStoreFromUrl } from './store-from-url.ts'
