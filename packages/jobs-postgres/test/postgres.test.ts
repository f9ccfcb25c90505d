import { describeJobStore } from '@cgk/jobs-conformance'
import { postgresHarness } from './support/postgres-harness.ts'

describeJobStore('postgres', postgresHarness('local', { largestBacklog: 100_000 }), {
  model: { runs: 25 },
  timeoutMs: 600_000,
})
