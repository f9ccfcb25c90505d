import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import os from 'node:os'
import { fileURLToPath } from 'node:url'
import type { Servers } from './servers/open-servers.ts'
import type { System } from './systems/system.ts'

/** Where figures come from: without it they mean nothing. */
export interface Environment {
  readonly scenario: 'environment'
  readonly node: string
  readonly v8: string
  readonly platform: string
  readonly cpu: string
  readonly cores: number
  readonly memoryGibibytes: number
  /** Over the last minute before the first run; on an idle machine close to 0. */
  readonly loadAverage: number
  /** The commit of this checkout, with `+` when files differ from it. */
  readonly revision: string
  readonly packages: Readonly<Record<string, string>>
  /** Settings of the server, its version among them; absent where no system needs it. */
  readonly postgres?: Readonly<Record<string, string>>
  readonly redis?: string
  readonly date: string
}

export function describeEnvironment(
  systems: readonly System[],
  { postgres, redis }: Servers,
): Environment {
  const names = new Set(systems.flatMap((system) => system.packages))
  return {
    scenario: 'environment',
    node: process.version,
    v8: process.versions.v8,
    platform: `${os.platform()} ${os.release()} ${os.arch()}`,
    cpu: os.cpus()[0]?.model ?? 'unknown',
    cores: os.availableParallelism(),
    memoryGibibytes: Math.round(os.totalmem() / 2 ** 30),
    loadAverage: os.loadavg()[0] ?? Number.NaN,
    revision: revision(),
    packages: Object.fromEntries([...names].map((name) => [name, versionOf(name)])),
    ...(postgres && { postgres: postgres.settings }),
    ...(redis !== undefined && { redis }),
    date: new Date().toISOString().slice(0, 10),
  }
}

function revision(): string {
  try {
    const commit = git('rev-parse', '--short', 'HEAD')
    return git('status', '--porcelain') === '' ? commit : `${commit}+`
  } catch {
    return 'unknown'
  }
}

function git(...args: string[]): string {
  return execFileSync('git', args, {
    cwd: import.meta.dirname,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
  }).trim()
}

// A package need not export its package.json, so it is looked for upwards from the entry.
function versionOf(name: string): string {
  let folder: URL
  try {
    folder = new URL('.', import.meta.resolve(name))
  } catch {
    return 'not installed'
  }
  for (;;) {
    const file = new URL('package.json', folder)
    if (existsSync(fileURLToPath(file))) {
      const found = JSON.parse(readFileSync(file, 'utf8')) as { name?: string; version?: string }
      if (found.name === name) return found.version ?? 'unknown'
    }
    const parent = new URL('..', folder)
    if (parent.href === folder.href) return 'unknown'
    folder = parent
  }
}
