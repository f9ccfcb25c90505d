import { existsSync } from 'node:fs'
import { glob, readFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'

const root = fileURLToPath(new URL('../../..', import.meta.url))

/** A module's path in a comment, and the code block that follows it. */
const QUOTED = /<!-- ((?:examples|packages)\/[\w./-]+\.ts) -->\s*```ts\n(.*?)```/gs

/** A link to a file of the repository; what follows `#` is left out. */
const LINK = /\]\(([^)#:\s]+)(?:#[^)]*)?\)/g

interface Quotation {
  readonly document: string
  readonly module: string
  readonly code: string
}

function read(path: string): Promise<string> {
  return readFile(join(root, path), 'utf8')
}

async function findDocuments(): Promise<readonly string[]> {
  const patterns = ['*.md', 'docs/**/*.md', '{packages,apps,examples}/*/*.md']
  const found = await Array.fromAsync(glob(patterns, { cwd: root }))
  return found.toSorted()
}

async function findQuotations(): Promise<readonly Quotation[]> {
  const quotations: Quotation[] = []
  for (const document of await findDocuments()) {
    for (const [, module = '', code = ''] of (await read(document)).matchAll(QUOTED)) {
      quotations.push({ document, module, code })
    }
  }
  return quotations
}

const quotations = await findQuotations()

describe('the documents', () => {
  it.for(quotations)('$document quotes $module as it is', async ({ module, code }) => {
    expect(code).toBe(await read(module))
  })

  it('show TypeScript in the README only where a module has the same', async () => {
    const blocks = (await read('README.md')).split('```ts').length - 1
    expect(quotations.filter(({ document }) => document === 'README.md')).toHaveLength(blocks)
  })

  it('quote every module that a reader is to see', async () => {
    const quoted = new Set(quotations.map(({ module }) => module))
    const sources = await Array.fromAsync(glob('examples/quick-reference/src/*.ts', { cwd: root }))
    const unseen = sources.filter((source) => !quoted.has(source))
    expect(unseen.toSorted()).toEqual([
      'examples/quick-reference/src/handlers.ts',
      'examples/quick-reference/src/main.ts',
    ])
  })

  it('explain every error code, and no other', async () => {
    const codesOf = async (path: string): Promise<string[]> => {
      const found = (await read(path)).matchAll(/\bJOBS_[A-Z]+(?:_[A-Z]+)*\b/g)
      return [...new Set(Array.from(found, ([code]) => code))].toSorted()
    }
    expect(await codesOf('docs/errors.md')).toEqual(
      await codesOf('packages/jobs-core/src/errors.ts'),
    )
  })

  it('link to files that exist', async () => {
    const broken: string[] = []
    for (const document of await findDocuments()) {
      for (const [, target = ''] of (await read(document)).matchAll(LINK)) {
        if (!existsSync(join(root, dirname(document), target)))
          broken.push(`${document}: ${target}`)
      }
    }
    expect(broken).toEqual([])
  })
})
