import { watch } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { basename, dirname, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import {
  functionDirectory,
  type FunctionDirectoryOptions,
  type TenantDirectory,
  type TenantEntry,
} from '@cgk/jobs-core'

/** What the watch misses (a network drive, a container's mount) is noticed after so long. */
const DEFAULT_REFRESH_MS = 5_000

/**
 * A directory whose tenants are in a JSON file: an array of entries. Changes are noticed at once, also a
 * replacement by another file; what cannot be read or is wrong is reported, and the last good content
 * stays.
 *
 * @throws {@link JobsError} `JOBS_INVALID_CONFIG`
 *
 * @example
 * ```ts
 * const directory = fileDirectory('./tenants.json')
 * ```
 */
export function fileDirectory(
  file: string | URL,
  options: Omit<FunctionDirectoryOptions, 'watch'> = {},
): TenantDirectory {
  const path = resolve(file instanceof URL ? fileURLToPath(file) : file)
  return functionDirectory(() => readTenants(path), {
    refreshMs: DEFAULT_REFRESH_MS,
    ...options,
    watch: (changed) => watchFile(path, changed),
  })
}

async function readTenants(path: string): Promise<readonly TenantEntry[]> {
  const text = await readFile(path, 'utf8')
  try {
    // What it holds is checked with the answers of every other source.
    return JSON.parse(text) as readonly TenantEntry[]
  } catch (error) {
    // Not the parser's own message, nor as the cause: it quotes the file, which may hold store URLs.
    const where = /\(line \d+ column \d+\)/.exec((error as Error).message)?.[0]
    throw new Error(`${path} is not JSON${where === undefined ? '' : ` ${where}`}`)
  }
}

// The folder, not the file: who replaces a file leaves a watch behind on the one that is no more.
function watchFile(path: string, changed: () => void): () => void {
  const name = basename(path)
  try {
    const watcher = watch(dirname(path), { persistent: false }, (_event, changedName) => {
      if (changedName === null || changedName === name) changed()
    })
    watcher.on('error', () => {
      watcher.close()
    })
    return () => {
      watcher.close()
    }
  } catch {
    // Nothing can be watched there; the file is read every so often.
    return () => {}
  }
}
