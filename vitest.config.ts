import { defineConfig } from 'vitest/config'
import { BaseSequencer, type TestSpecification } from 'vitest/node'

/** Files that take minutes begin first: whichever is left at the end runs while the other cores rest. */
const LONG =
  /pglite\.test|broken-stores\.test|servers\.test|pgbouncer\.test|cluster-conformance\.test/

class LongFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files)
    return sorted.toSorted((a, b) => Number(LONG.test(b.moduleId)) - Number(LONG.test(a.moduleId)))
  }
}

export default defineConfig({
  test: {
    include: ['{packages,apps,examples}/*/test/**/*.test.ts', 'bench/test/**/*.test.ts'],
    // What a test does not name is not kept: the default would be a database in the repository.
    env: { JOBS_STORE_URL: 'memory:' },
    globalSetup: 'packages/test-servers/src/global-setup.ts',
    // Most of the time a test file waits for a server.
    maxWorkers: '100%',
    // For what hangs: a machine that does other things too may take many times as long as a quiet one.
    testTimeout: 30_000,
    sequence: { sequencer: LongFirst },
  },
})
