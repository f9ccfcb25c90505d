import { describeJobStore } from '@cgk/jobs-conformance'
import { postgresHarness } from './support/postgres-harness.ts'

describeJobStore('newest postgres', postgresHarness('embedded', { largestBacklog: 100_000 }), {
  model: { runs: 20 },
  timeoutMs: 600_000,
})
