import type { JobsLogger } from './ports.ts'

/** Writes what the runtime has to say to the console. */
export const consoleLogger: JobsLogger = {
  warn(message, fields) {
    console.warn(`[jobs] ${message}`, ...shown(fields))
  },
  error(message, fields) {
    console.error(`[jobs] ${message}`, ...shown(fields))
  },
}

function shown(fields: Readonly<Record<string, unknown>> | undefined): unknown[] {
  return fields === undefined ? [] : [fields]
}
