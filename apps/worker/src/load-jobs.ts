import { isAbsolute, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { AnyJobDefinition } from '@cgk/jobs-core'
import type { JobSource } from './config.ts'
import { messageOf, usageError } from './exit-error.ts'
import { isJobDefinition } from './job-definition.ts'

/**
 * The definitions that the sources stand for, each once.
 *
 * @throws `ExitError` 2 when a module cannot be imported or has none, or two share a name.
 */
export async function loadJobs(
  sources: readonly JobSource[],
  directory: string,
): Promise<readonly AnyJobDefinition[]> {
  const byName = new Map<string, AnyJobDefinition>()
  for (const source of sources) {
    const definitions = isJobDefinition(source) ? [source] : await importJobs(source, directory)
    for (const definition of definitions) {
      const known = byName.get(definition.name)
      if (known !== undefined && known !== definition) {
        throw usageError(`two definitions of one queue are named ${JSON.stringify(known.name)}`)
      }
      byName.set(definition.name, definition)
    }
  }
  return [...byName.values()]
}

async function importJobs(source: string | URL, directory: string): Promise<AnyJobDefinition[]> {
  const url = moduleUrl(source, directory)
  let module: Record<string, unknown>
  try {
    module = (await import(url)) as Record<string, unknown>
  } catch (cause) {
    throw usageError(`cannot load the jobs of ${url}: ${messageOf(cause)}`, { cause })
  }
  const definitions = Object.values(module).filter(isJobDefinition)
  if (definitions.length === 0) throw usageError(`${url} exports no job definition`)
  return definitions
}

function moduleUrl(source: string | URL, directory: string): string {
  if (source instanceof URL) return source.href
  if (!isAbsolute(source) && URL.canParse(source)) return source
  return pathToFileURL(resolve(directory, source)).href
}
