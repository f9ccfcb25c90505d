import { existsSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { unpackedFromDebian } from './debian-unpacked.ts'
import { installFromDebian } from './debian.ts'
import { installedBinaries } from './postgres-binaries.ts'
import { run } from './run.ts'

/** Where programs are that a test may start, or why there are none. */
export type Search = { readonly path: string } | { readonly missing: string }

/** Looks for PgBouncer, and installs it if need be. */
export function findPgBouncer(): Promise<Search> {
  return findOrInstall('pgbouncer', async () => onPath('pgbouncer'))
}

/** Looks for a Redis or a Valkey server, and installs one if need be. */
export function findRedis(): Promise<Search> {
  return findOrInstall(
    'redis-server',
    async () => onPath('redis-server') ?? onPath('valkey-server'),
  )
}

/** Looks for a Valkey server, and unpacks one if need be: installed, it would be in the way of a Redis server. */
export async function findValkey(): Promise<Search> {
  const path = onPath('valkey-server')
  if (path !== undefined) return { path }
  try {
    const folder = await unpackedFromDebian(['valkey-server', 'valkey-tools'])
    const unpacked = join(folder, 'usr/bin/valkey-server')
    // Libraries may be missing.
    await run(unpacked, ['--version'])
    return { path: unpacked }
  } catch (error) {
    return { missing: `valkey-server is not there: ${(error as Error).message}` }
  }
}

function onPath(program: string): string | undefined {
  // Debian keeps some where only root looks for programs.
  const folders = [...(process.env['PATH'] ?? '').split(delimiter), '/usr/sbin']
  return folders.map((folder) => join(folder, program)).find((path) => existsSync(path))
}

/** Looks for the folder of an installed Postgres, and installs one if need be. */
export function findPostgres(): Promise<Search> {
  return findOrInstall('postgresql', installedBinaries)
}

async function findOrInstall(
  name: string,
  find: () => Promise<string | undefined>,
): Promise<Search> {
  let path = await find()
  if (path !== undefined) return { path }
  try {
    await installFromDebian(name)
  } catch (error) {
    return { missing: `${name} is not installed: ${(error as Error).message}` }
  }
  path = await find()
  return path === undefined ? { missing: `${name} is not where it is looked for` } : { path }
}
