import { readdirSync, readFileSync } from 'node:fs'

/** The unit of processor time in /proc is 1/100 s on every Linux. */
const TICK_MS = 10

interface ProcessStat {
  readonly parent: number
  /** Its own time. */
  readonly cpuMs: number
  /** That of its children which have ended. */
  readonly endedChildrenCpuMs: number
}

/**
 * Processor time of a process and all that it began, those that have ended included.
 *
 * @returns `null` where there is no such process, or no Linux.
 */
export function processTreeCpuMs(pid: number): number | null {
  const root = readStat(pid)
  if (root === null) return null
  const children = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map((name) => readStat(Number(name)))
    .filter((stat) => stat?.parent === pid)
  return children.reduce(
    (sum, child) => sum + (child?.cpuMs ?? 0),
    root.cpuMs + root.endedChildrenCpuMs,
  )
}

/** The process that began another; `null` where there is no such process, or no Linux. */
export function parentOf(pid: number): number | null {
  return readStat(pid)?.parent ?? null
}

/** The command line that a process shows. */
export function commandOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8')
  } catch {
    return ''
  }
}

// After the name, which is in brackets and may hold anything: state, parent, …, see proc(5).
function readStat(pid: number): ProcessStat | null {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8')
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
    const ticks = (index: number): number => Number(fields[index]) * TICK_MS
    return {
      parent: Number(fields[1]),
      cpuMs: ticks(11) + ticks(12),
      endedChildrenCpuMs: ticks(13) + ticks(14),
    }
  } catch {
    return null
  }
}
