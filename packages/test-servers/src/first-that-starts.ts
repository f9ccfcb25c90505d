import type { FoundServer } from './found-server.ts'

/**
 * Tries one way after the other; if none works, tells why each did not.
 *
 * @param noneFound - what was looked for, and what would help
 */
export async function firstThatStarts(
  noneFound: string,
  ways: readonly (() => Promise<FoundServer>)[],
): Promise<FoundServer> {
  const failures: string[] = []
  for (const start of ways) {
    try {
      return await start()
    } catch (error) {
      failures.push(error instanceof Error ? error.message : String(error))
    }
  }
  const tried = failures.map((failure) => `- ${failure}`)
  throw new Error([noneFound, 'What was tried:', ...tried].join('\n'))
}
