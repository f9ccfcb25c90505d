export type { Skip } from './broker-client.ts'
export { embeddedBinaries, installedBinaries } from './postgres-binaries.ts'
export { PostgresInstance, type PostgresPair, type StopMode } from './postgres-instance.ts'
export { PostgresProxy } from './postgres-proxy.ts'
export { deleteKeys } from './delete-keys.ts'
export type { RedisCluster } from './redis-cluster.ts'
export type { RedisInstance } from './redis-instance.ts'
export type { RedisSentinel } from './redis-sentinel.ts'
export { type Certificate, createSelfSignedCertificate } from './self-signed-certificate.ts'
export type { PostgresKind } from './server-broker.ts'
export { createTestDatabase, type TestDatabase } from './test-database.ts'
export { createTestInstance, createTestPair } from './test-instance.ts'
export { createTestPooler, type TestPooler } from './test-pooler.ts'
export {
  createTestRedis,
  createTestRedisCluster,
  createTestRedisInstance,
  createTestRedisSentinel,
  type TestRedis,
} from './test-redis.ts'
