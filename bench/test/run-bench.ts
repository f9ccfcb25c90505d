import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'

const execute = promisify(execFile)
const main = join(import.meta.dirname, '..', 'src', 'main.ts')

export type Line = Readonly<Record<string, unknown>>

/** What a command printed as lines of JSON, the environment apart. */
export interface Output {
  readonly environment: Line
  readonly lines: Line[]
  readonly stderr: string
}

/** Starts the command line and leaves it running. */
export function start(args: readonly string[], postgresUrl: string): ChildProcess {
  return spawn(process.execPath, [main, ...args], {
    env: { ...process.env, BENCH_POSTGRES_URL: postgresUrl },
    stdio: 'ignore',
  })
}

/** Runs the command line, with the Postgres server where one is given. */
export async function run(
  args: readonly string[],
  postgresUrl?: string,
): Promise<{ readonly stdout: string; readonly stderr: string }> {
  return await execute(process.execPath, [main, ...args], {
    env: { ...process.env, ...(postgresUrl !== undefined && { BENCH_POSTGRES_URL: postgresUrl }) },
  })
}

/** Runs the command line and reads what it printed. */
export async function bench(args: readonly string[], postgresUrl?: string): Promise<Output> {
  const { stdout, stderr } = await run(args, postgresUrl)
  const [environment, ...lines] = parseLines(stdout)
  if (environment === undefined) throw new Error('nothing was printed')
  return { environment, lines, stderr }
}

export function parseLines(text: string): Line[] {
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Line)
}
