import { describeJobStore } from '@cgk/jobs-conformance'
import { redisHarness } from './redis-harness.ts'

const url = process.env['TEST_REDIS_URL'] ?? 'redis://127.0.0.1:6379'

describeJobStore('redis', redisHarness(url), { model: { runs: 300 } })
