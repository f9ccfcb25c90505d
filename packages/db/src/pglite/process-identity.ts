import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { readFileSync, readlinkSync } from 'node:fs'
import { hostname } from 'node:os'

/** A process, told from every other that had or will have its number. */
export interface ProcessIdentity {
  readonly pid: number
  /** When it started, in the system's own measure; empty where the system does not tell. */
  readonly startedAt: string
  /** The boot of the machine and the container: process numbers mean nothing outside of them. */
  readonly machine: string
}

export function currentProcess(): ProcessIdentity {
  return { pid: process.pid, startedAt: startOf(process.pid) ?? '', machine: currentMachine() }
}

/** Whether a process of this machine is still there. */
export function isAlive({ pid, startedAt }: ProcessIdentity): boolean {
  try {
    process.kill(pid, 0)
  } catch (error) {
    // It is there, but somebody else's.
    if ((error as NodeJS.ErrnoException).code !== 'EPERM') return false
  }
  const start = startOf(pid)
  // Where the system does not tell when a process began, a number in use is taken for the process.
  return start === undefined ? process.platform !== 'linux' : start === startedAt
}

function startOf(pid: number): string | undefined {
  try {
    if (process.platform === 'linux') return startOnLinux(pid)
    if (process.platform === 'win32') return undefined
    const text = execFileSync('ps', ['-o', 'lstart=', '-p', String(pid)], { encoding: 'utf8' })
    return String(Date.parse(text))
  } catch {
    return undefined
  }
}

/** @see proc_pid_stat(5): the fields after the command, which may hold anything, are 3, 4, … */
function startOnLinux(pid: number): string | undefined {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  const hasEnded = fields[0] === 'Z' || fields[0] === 'X'
  return hasEnded ? undefined : fields[22 - 3]
}

function currentMachine(): string {
  const machine =
    process.platform === 'linux'
      ? readFileSync('/proc/sys/kernel/random/boot_id', 'utf8') + readlinkSync('/proc/self/ns/pid')
      : hostname()
  return createHash('sha256').update(machine).digest('hex').slice(0, 16)
}
