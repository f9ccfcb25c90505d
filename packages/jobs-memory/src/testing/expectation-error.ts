import type { Job } from '@cgk/jobs-core'

const SHOWN_JOBS = 20
const SHOWN_CHARACTERS = 200

/** An expectation about jobs that does not hold. Test runners show `expected` beside `actual`. */
export class ExpectationError extends Error {
  override readonly name = 'AssertionError'
  readonly expected: unknown
  readonly actual: unknown

  constructor(message: string, expected: unknown, actual: unknown) {
    super(message)
    this.expected = expected
    this.actual = actual
  }
}

/** A list of jobs for people. */
export function describeJobs(jobs: readonly Job<unknown>[]): string {
  const lines = jobs.slice(0, SHOWN_JOBS).map((job) => {
    const tenant = job.tenantId === undefined ? '' : ` of ${job.tenantId}`
    return `  ${job.name}${tenant} (${job.status}): ${describeValue(job.payload)}`
  })
  if (jobs.length > SHOWN_JOBS) lines.push(`  and ${jobs.length - SHOWN_JOBS} more`)
  return lines.join('\n')
}

/** A value in one line. */
export function describeValue(value: unknown): string {
  const text = JSON.stringify(value) ?? String(value)
  return text.length > SHOWN_CHARACTERS ? `${text.slice(0, SHOWN_CHARACTERS)}…` : text
}
