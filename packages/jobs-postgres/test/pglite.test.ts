import { describeJobStore } from '@cgk/jobs-conformance'
import { postgresHarness } from './support/postgres-harness.ts'

describeJobStore('pglite', postgresHarness('pglite', { largestBacklog: 20_000 }), {
  model: { runs: 20 },
  timeoutMs: 600_000,
})
