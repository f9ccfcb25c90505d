import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'

/** What a module's process left behind. */
export interface ModuleRun {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  readonly stdout: string
  readonly stderr: string
}

/** How a module is run. */
export interface RunOptions {
  /** Sends SIGTERM once the process listens for it and this holds for what it has printed. */
  readonly stopWhen?: (stdout: string) => boolean
}

// Says on stderr that the process has begun to listen for SIGTERM.
const LISTENING = 'listening for SIGTERM\n'
const ANNOUNCE = `data:text/javascript,${encodeURIComponent(`
  process.on('newListener', (event) => {
    if (event === 'SIGTERM') setImmediate(() => process.stderr.write(${JSON.stringify(LISTENING)}))
  })
`)}`

/** Runs a module of `src` as a program of its own, to its end. */
export async function runModule(name: string, options: RunOptions = {}): Promise<ModuleRun> {
  const path = fileURLToPath(new URL(`../src/${name}`, import.meta.url))
  const child = spawn(process.execPath, ['--import', ANNOUNCE, path], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, JOBS_STORE_URL: 'memory:', NO_COLOR: '1' },
    timeout: 20_000,
    killSignal: 'SIGKILL',
  })
  let stdout = ''
  let stderr = ''
  let stopped = false
  const stopIfTime = (): void => {
    if (stopped || options.stopWhen?.(stdout) !== true || !stderr.includes(LISTENING)) return
    stopped = true
    child.kill('SIGTERM')
  }
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text
    stopIfTime()
  })
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text
    stopIfTime()
  })
  const [code, signal] = (await once(child, 'close')) as [number | null, NodeJS.Signals | null]
  return { code, signal, stdout, stderr: stderr.replaceAll(LISTENING, '') }
}
