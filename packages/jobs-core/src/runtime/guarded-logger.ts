import type { JobsLogger } from './ports.ts'

/** A logger that never throws: it is called where a throw would end a loop. */
export function guarded(logger: JobsLogger): JobsLogger {
  return {
    warn(message, fields) {
      try {
        logger.warn(message, fields)
      } catch {
        // Nobody is left to tell.
      }
    },
    error(message, fields) {
      try {
        logger.error(message, fields)
      } catch {
        // Nobody is left to tell.
      }
    },
  }
}
