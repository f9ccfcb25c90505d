import type { StoreMigrations, StoreSchema } from '@cgk/jobs'
import { EXIT } from './exit-codes.ts'
import { ExitError, messageOf, usageError } from './exit-error.ts'
import type { Settings } from './settings.ts'
import { withStoreAdmins } from './store-admins.ts'

/** What `cgk-worker migrate` can be told to do. */
export const MIGRATE_ACTIONS = ['up', 'status', 'plan'] as const

export type MigrateAction = (typeof MIGRATE_ACTIONS)[number]

/**
 * Brings the schemas of all stores up to date, or shows where they stand. Resolves with the exit code:
 * `status` ends with 1 while something is pending or drifted.
 *
 * @throws `ExitError` 2 where no store is one to look after, 4 for one that does not answer.
 */
export async function migrateCommand(settings: Settings, action: MigrateAction): Promise<number> {
  let exitCode: number = EXIT.ok
  let cared = 0
  const others: string[] = []
  await withStoreAdmins(settings, async ({ name, admin, reason }) => {
    if (admin === null) {
      others.push(`the store ${name} has no schema to migrate: ${reason}`)
      return
    }
    cared += 1
    const { migrations } = admin
    if (migrations === null) {
      others.push(`the store ${name} has nothing to migrate: a ${admin.name} store has no schema`)
      return
    }
    try {
      if (!(await run(name, migrations, action))) exitCode = EXIT.failure
    } catch (cause) {
      throw new ExitError(EXIT.storeUnreachable, `the store ${name}: ${messageOf(cause)}`, {
        cause,
      })
    }
  })
  if (cared === 0) throw usageError(others.join('\n'))
  for (const other of others) console.error(other)
  return exitCode
}

async function run(
  name: string,
  migrations: StoreMigrations,
  action: MigrateAction,
): Promise<boolean> {
  if (action === 'plan') {
    console.log((await migrations.plan()) || `-- the store ${name} is up to date`)
    return true
  }
  const schema = await (action === 'up' ? migrations.up() : migrations.status())
  console.log(`${name}: ${describe(schema)}`)
  return schema.version === schema.wanted && schema.drifted.length === 0
}

function describe({ version, wanted, pending, drifted }: StoreSchema): string {
  const parts = [`schema version ${version} of ${wanted}`]
  if (pending.length > 0) parts.push(`pending: ${pending.join(', ')}`)
  if (drifted.length > 0) parts.push(`ran with another text: ${drifted.join(', ')}`)
  if (version > wanted) parts.push('newer than this program: update it')
  return parts.join('; ')
}
