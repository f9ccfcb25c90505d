import type { Job, JobsLogger } from '@cgk/jobs-core'
import { type DestinationStream, type Logger, pino } from 'pino'
import { prettyFactory } from 'pino-pretty'
import type { LogLevel } from './log-level.ts'

/** Where log lines go, and what decides how they look. */
export interface LoggerOptions {
  readonly level: LogLevel
  readonly stdout: NodeJS.WriteStream
  readonly env: NodeJS.ProcessEnv
}

/** JSON lines in production, readable lines on a terminal. */
export function createLogger({ level, stdout, env }: LoggerOptions): Logger {
  const options = { level, serializers: { error: describeError } }
  if (!stdout.isTTY || env['NODE_ENV'] === 'production') {
    return pino(
      { ...options, timestamp: pino.stdTimeFunctions.isoTime },
      pino.destination({ dest: 1, sync: true }),
    )
  }
  return pino(options, readableLines(stdout, env))
}

/** The runtime's own voice, in the worker's log. */
export function jobsLogger(logger: Logger): JobsLogger {
  return {
    warn: (message, fields = {}) => {
      logger.warn(fields, message)
    },
    error: (message, fields = {}) => {
      logger.error(fields, message)
    },
  }
}

/** What a log line says of a job: never its payload, result or metadata. */
export function jobFields({ id, queue, name, attempts, tenantId }: Job<unknown>): object {
  return {
    jobId: id,
    queue,
    job: name,
    attempt: attempts,
    ...(tenantId !== undefined && { tenantId }),
  }
}

function readableLines(stdout: NodeJS.WriteStream, env: NodeJS.ProcessEnv): DestinationStream {
  const colorize = (env['NO_COLOR'] ?? '') === ''
  const format = prettyFactory({
    colorize,
    singleLine: true,
    ignore: 'pid,hostname',
    errorLikeObjectKeys: ['err', 'error'],
  })
  return {
    write: (line) => {
      stdout.write(format(line))
    },
  }
}

// Not pino's own serializer, which copies every property of an error: an HTTP client's error holds
// the request, and with it what a payload held.
function describeError(error: unknown): unknown {
  if (!(error instanceof Error)) return { message: String(error) }
  return {
    type: error.name,
    message: error.message,
    ...('code' in error && typeof error.code === 'string' && { code: error.code }),
    stack: error.stack,
    ...(error.cause instanceof Error && { cause: describeError(error.cause) }),
  }
}
