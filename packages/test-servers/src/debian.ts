import { existsSync } from 'node:fs'
import { run } from './run.ts'

let last: Promise<void> = Promise.resolve()

/** Installs a package of Debian's. Rejects, and says why, where that cannot be done. */
export async function installFromDebian(name: string): Promise<void> {
  if (!existsSync('/usr/bin/apt-get')) throw new Error('there is no apt-get')
  if (process.getuid?.() !== 0) throw new Error('apt-get installs for root alone')
  // Two that fetch the lists at once would be in each other's way.
  const turn = last.then(() => install(name))
  last = turn.catch(() => {})
  await turn
}

async function install(name: string): Promise<void> {
  const args = ['install', '--yes', '--no-install-recommends', name]
  try {
    await aptGet(args)
  } catch {
    // The lists of packages may be missing or old; if they are not, it fails again, and says why.
    await aptGet(['update'])
    await aptGet(args)
  }
}

async function aptGet(args: readonly string[]): Promise<void> {
  await run('apt-get', ['-o', 'DPkg::Lock::Timeout=120', ...args], {
    timeoutMs: 300_000,
    env: { DEBIAN_FRONTEND: 'noninteractive' },
  })
}
