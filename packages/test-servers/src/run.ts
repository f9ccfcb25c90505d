import { spawn } from 'node:child_process'
import type { Account } from './account.ts'

/** Runs a program to its end, as the account if one is given. */
export function run(
  file: string,
  args: readonly string[],
  options: {
    readonly as?: Account | undefined
    readonly timeoutMs?: number
    readonly env?: NodeJS.ProcessEnv
    readonly cwd?: string
  } = {},
): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(file, args, {
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: options.timeoutMs ?? 60_000,
      env: { ...process.env, ...options.env },
      ...(options.cwd !== undefined && { cwd: options.cwd }),
      ...(options.as && { uid: options.as.uid, gid: options.as.gid, cwd: '/' }),
    })
    let output = ''
    child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()))
    child.stderr.on('data', (chunk: Buffer) => (output += chunk.toString()))
    child.once('error', (error: NodeJS.ErrnoException) => {
      reject(error.code === 'ENOENT' ? new Error(`${file} is not installed`) : error)
    })
    child.once('close', (code, signal) => {
      if (code === 0) resolve(output)
      else reject(new Error(`${file} ended with ${code ?? signal}\n${output.trim()}`))
    })
  })
}
