import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'

/**
 * The root of the workspace that a directory is in: the nearest one upwards with `pnpm-workspace.yaml`,
 * `workspaces` in its `package.json`, or `.git`; else the nearest with a `package.json`; else the directory.
 */
export function findWorkspaceRoot(from: string = process.cwd()): string {
  const upwards = ancestors(from)
  return upwards.find(isWorkspace) ?? upwards.find(isPackage) ?? from
}

function ancestors(from: string): readonly string[] {
  const found = [from]
  for (let path = from; path !== dirname(path);) found.push((path = dirname(path)))
  return found
}

function isWorkspace(directory: string): boolean {
  if (existsSync(join(directory, 'pnpm-workspace.yaml'))) return true
  // A file in a worktree or a submodule.
  if (existsSync(join(directory, '.git'))) return true
  try {
    const manifest = JSON.parse(readFileSync(join(directory, 'package.json'), 'utf8')) as unknown
    return typeof manifest === 'object' && manifest !== null && 'workspaces' in manifest
  } catch {
    return false
  }
}

function isPackage(directory: string): boolean {
  return existsSync(join(directory, 'package.json'))
}
