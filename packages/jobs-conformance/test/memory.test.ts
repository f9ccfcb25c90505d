import { describeJobStore } from '@cgk/jobs-conformance'
import { memoryHarness } from './memory-harness.ts'

describeJobStore('memory', memoryHarness, { model: { runs: 300 } })
