import { resolve } from 'node:path'
import type { FoundServer } from './found-server.ts'
import { run } from './run.ts'

const FILE = resolve(import.meta.dirname, '../../../compose.yaml')

const URLS = {
  postgres: 'postgres://postgres@127.0.0.1:54315/postgres',
  redis: 'redis://127.0.0.1:63797',
} as const

/** Starts a server of compose.yaml. Rejects, and says why, where that cannot be done. */
export async function startWithCompose(service: keyof typeof URLS): Promise<FoundServer> {
  const compose = (...args: string[]) =>
    run('docker', ['compose', '--file', FILE, ...args], { timeoutMs: 300_000 })
  await compose('up', '--detach', '--wait', service)
  return {
    url: URLS[service],
    stop: async () => void (await compose('rm', '--stop', '--force', service)),
  }
}
