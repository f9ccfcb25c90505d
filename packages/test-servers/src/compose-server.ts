import { resolve } from 'node:path'
import type { FoundServer } from './found-server.ts'
import { run } from './run.ts'

const FILE = resolve(import.meta.dirname, '../../../compose.yaml')

/** Starts the server of compose.yaml. Rejects, and says why, where that cannot be done. */
export async function startWithCompose(): Promise<FoundServer> {
  const compose = (...args: string[]) =>
    run('docker', ['compose', '--file', FILE, ...args], { timeoutMs: 300_000 })
  await compose('up', '--detach', '--wait', 'postgres')
  return {
    url: 'postgres://postgres@127.0.0.1:54315/postgres',
    stop: async () => void (await compose('rm', '--stop', '--force', 'postgres')),
  }
}
