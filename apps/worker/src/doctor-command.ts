import type { StoreFinding } from '@cgk/jobs'
import { EXIT } from './exit-codes.ts'
import { messageOf } from './exit-error.ts'
import type { Settings } from './settings.ts'
import { withStoreAdmins } from './store-admins.ts'

const MARKS = { ok: 'ok     ', warning: 'warning', error: 'error  ' } as const

/**
 * Examines every store and prints what it finds. Resolves with the exit code: 1 where something does not
 * work.
 *
 * @throws `ExitError` 2 for a URL that nothing opens.
 */
export async function doctorCommand(settings: Settings): Promise<number> {
  let isWell = true
  await withStoreAdmins(settings, async ({ name, admin, reason }) => {
    console.log(`${name}${admin === null ? '' : ` (${admin.name})`}`)
    if (admin === null) {
      console.log(`  ${reason}`)
      return
    }
    for (const finding of await findingsOf(() => admin.examine())) {
      if (finding.level === 'error') isWell = false
      console.log(lineOf(finding))
    }
  })
  return isWell ? EXIT.ok : EXIT.failure
}

async function findingsOf(
  examine: () => Promise<readonly StoreFinding[]>,
): Promise<readonly StoreFinding[]> {
  try {
    return await examine()
  } catch (error) {
    return [{ check: 'connection', level: 'error', message: messageOf(error) }]
  }
}

function lineOf({ check, level, message, advice }: StoreFinding): string {
  const line = `  ${MARKS[level]}  ${check}: ${message}`
  return advice === undefined ? line : `${line}\n           ${advice}`
}
