import type { JobsLogger } from '@cgk/jobs-core'

/** A logger that keeps its messages. */
export class SilentLogger implements JobsLogger {
  readonly messages: string[] = []

  warn(message: string): void {
    this.messages.push(message)
  }

  error(message: string): void {
    this.messages.push(message)
  }
}
