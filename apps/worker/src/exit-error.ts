import { EXIT } from './exit-codes.ts'

/** Ends the process with a code. The message is for whoever started it, and says what to do. */
export class ExitError extends Error {
  override readonly name = 'ExitError'
  readonly exitCode: number

  constructor(exitCode: number, message: string, options?: ErrorOptions) {
    super(message, options)
    this.exitCode = exitCode
  }
}

/** The command line, the environment or the config file is wrong; nothing was started. */
export function usageError(message: string, options?: ErrorOptions): ExitError {
  return new ExitError(EXIT.usage, message, options)
}

/** The message of whatever was thrown. */
export function messageOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown)
}
