import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['{packages,apps,examples}/*/test/**/*.test.ts', 'bench/test/**/*.test.ts'],
    globalSetup: 'packages/test-servers/src/global-setup.ts',
    // Most of the time a test file waits for a server.
    maxWorkers: '100%',
  },
})
