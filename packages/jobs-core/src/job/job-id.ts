import type { Random } from '../runtime/ports.ts'
import { systemPorts } from '../runtime/system-runtime.ts'

const PATTERN = /^job_([0-9a-z]{1,11})_([0-9a-f]{16})$/

/** The two parts of an id made by {@link createJobId}. */
export interface ParsedJobId {
  /** When the id was made. */
  readonly timestamp: Date
  /** 16 hexadecimal digits. */
  readonly random: string
}

/** Makes an id: `job_<milliseconds in base 36>_<16 hexadecimal digits>`. */
export function createJobId(
  now: number = systemPorts.clock.now(),
  random: Random = systemPorts.random,
): string {
  return `job_${Math.trunc(now).toString(36)}_${random.hex(16)}`
}

/** Takes an id made by {@link createJobId} or by a store apart; `null` for any other text. */
export function parseJobId(id: string): ParsedJobId | null {
  const match = PATTERN.exec(id)
  if (match === null) return null
  const timestamp = new Date(Number.parseInt(match[1]!, 36))
  return Number.isNaN(timestamp.getTime()) ? null : { timestamp, random: match[2]! }
}
