import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { findWorkspaceRoot } from '../src/workspace-root.ts'

let root: string
let deep: string

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'cgk-root-'))
  deep = join(root, 'apps', 'shop', 'src')
  await mkdir(deep, { recursive: true })
})

afterEach(() => rm(root, { recursive: true }))

async function write(path: string, text = ''): Promise<void> {
  await writeFile(join(root, path), text)
}

test.each([
  ['pnpm-workspace.yaml', ''],
  ['package.json', '{"workspaces": ["apps/*"]}'],
  ['.git', 'gitdir: elsewhere'],
])('the nearest directory with %s is the root, past packages', async (file, text) => {
  await write(file, text)
  await write('apps/shop/package.json', '{}')
  await write('apps/package.json', 'not JSON')
  expect(findWorkspaceRoot(deep)).toBe(root)
})

test('without a workspace the nearest package is the root', async () => {
  await write('package.json', '{}')
  await write('apps/shop/package.json', '{}')
  expect(findWorkspaceRoot(deep)).toBe(join(root, 'apps/shop'))
})

test('without a package the directory itself is', () => {
  expect(findWorkspaceRoot(deep)).toBe(deep)
})
