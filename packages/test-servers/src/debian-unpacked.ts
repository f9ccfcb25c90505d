import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, readdir, rename, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { run } from './run.ts'

const KEYS = '/usr/share/keyrings/debian-archive-keyring.gpg'

/**
 * Unpacks packages of Debian's, of its backports where the release has none, into a folder that stays for the next who
 * asks. Nothing is installed by that, nothing started, and what they depend on has to be there.
 *
 * @returns the folder, which has what a system has
 */
export async function unpackedFromDebian(names: readonly string[]): Promise<string> {
  if (!existsSync('/usr/bin/apt-get')) throw new Error('there is no apt-get')
  const folder = join(tmpdir(), `cgk-unpacked-${names.join('-')}`)
  if (existsSync(folder)) return folder
  const unfinished = await mkdtemp(`${folder}-`)
  try {
    const packages = join(unfinished, 'packages')
    await mkdir(packages)
    await download(names, packages)
    for (const file of await readdir(packages)) {
      if (file.endsWith('.deb')) await run('dpkg', ['--extract', join(packages, file), unfinished])
    }
    await rm(packages, { recursive: true })
    await run('chmod', ['-R', 'a+rX', unfinished])
    await rename(unfinished, folder)
  } catch (error) {
    await rm(unfinished, { recursive: true, force: true })
    throw error
  }
  return folder
}

async function download(names: readonly string[], folder: string): Promise<void> {
  try {
    await run('apt-get', ['download', ...names], { cwd: folder })
  } catch {
    const options = await backportsIn(folder)
    await run('apt-get', [...options, 'update'], { timeoutMs: 120_000 })
    await run('apt-get', [...options, 'download', ...names], { cwd: folder })
  }
}

/** Options of apt-get with which it knows the backports alone, from where this machine has its packages. */
async function backportsIn(folder: string): Promise<readonly string[]> {
  const format = ['--format', '$(SITE) $(CODENAME)', 'Created-By: Packages', 'Origin: Debian']
  const targets = await run('apt-get', ['indextargets', ...format])
  const [site, codename] = /^(\S+) ([a-z]+)$/m.exec(targets)?.slice(1) ?? []
  if (site === undefined) throw new Error('apt-get knows of no release of Debian')
  const sources = join(folder, 'sources.list')
  await writeFile(sources, `deb [signed-by=${KEYS}] ${site} ${codename}-backports main\n`)
  await mkdir(join(folder, 'lists/partial'), { recursive: true })
  const settings = {
    'Dir::Etc::sourcelist': sources,
    'Dir::Etc::sourceparts': '/dev/null',
    'Dir::State::lists': join(folder, 'lists'),
    'Dir::Cache': folder,
  }
  return Object.entries(settings).flatMap(([name, value]) => ['-o', `${name}=${value}`])
}
