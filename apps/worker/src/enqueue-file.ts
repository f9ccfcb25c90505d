import type { Readable } from 'node:stream'
import { isJobsError, type JobQueue, type JobsError } from '@cgk/jobs-core'
import { messageOf } from './exit-error.ts'
import { type JobLine, readJobLine } from './jobs-file.ts'
import { type Line, readLines } from './read-lines.ts'
import type { FileCounts } from './running-worker.ts'

/** Says which queue a line's job goes to, or why it may not be enqueued. */
export type Route = (job: JobLine) => JobQueue | { readonly problem: string }

/** A line that was refused, and why. */
interface BadLine {
  readonly number: number
  readonly problem: string
}

/** The counts of a file that is being read, kept up to date. */
export interface RunningCounts extends FileCounts {
  enqueued: number
  bad: number
}

/** What {@link enqueueFile} works with. */
export interface EnqueueFileRequest {
  readonly stream: Readable
  readonly route: Route
  readonly counts: RunningCounts
  readonly onBadLine: (line: BadLine) => void
  /** Called after each batch. */
  readonly onProgress?: (bytesRead: number) => void
  /** Stops after the batch in hand. */
  readonly signal: AbortSignal
}

/** What became of one line: stored (`null`), or refused. */
type LineOutcome = string | null

/**
 * Enqueues the jobs of a file, one batch of lines at a time, in the order of the file. A bad line is
 * reported and the rest goes on.
 *
 * @returns whether the whole file was read.
 * @throws when the file cannot be read or the store stops answering.
 */
export async function enqueueFile(request: EnqueueFileRequest): Promise<boolean> {
  const { stream, onProgress, signal } = request
  const stop = (): void => {
    stream.destroy()
  }
  signal.addEventListener('abort', stop)
  try {
    for await (const { lines, bytesRead } of readLines(stream)) {
      await enqueueBatch(lines, request)
      onProgress?.(bytesRead)
      if (signal.aborted) return false
    }
    return true
  } catch (error) {
    if (signal.aborted && isEndOfStream(error)) return false
    throw error
  } finally {
    signal.removeEventListener('abort', stop)
  }
}

async function enqueueBatch(
  lines: readonly Line[],
  { route, counts, onBadLine }: EnqueueFileRequest,
): Promise<void> {
  const outcomes = await Promise.allSettled(lines.map((line) => enqueueLine(line, route)))
  const unanswered: number[] = []
  let cause: unknown
  for (const [index, outcome] of outcomes.entries()) {
    const { number } = lines[index]!
    if (outcome.status === 'rejected') {
      unanswered.push(number)
      cause ??= outcome.reason
    } else if (outcome.value === null) {
      counts.enqueued += 1
    } else {
      counts.bad += 1
      onBadLine({ number, problem: outcome.value })
    }
  }
  if (unanswered.length === 0) return
  throw new Error(
    `lines ${unanswered[0]} to ${unanswered.at(-1)}: whether they were stored is unknown, and what follows was not read: ${messageOf(cause)}`,
    { cause },
  )
}

// The queue gathers the calls of one batch into few writes, and a job that is refused fails alone.
async function enqueueLine(line: Line, route: Route): Promise<LineOutcome> {
  if (line.problem !== undefined) return line.problem
  const { job, problem } = readJobLine(line.text)
  if (problem !== undefined) return problem
  const routed = route(job)
  if ('problem' in routed) return routed.problem
  try {
    await routed.enqueue(job.name, job.payload, job.options)
    return null
  } catch (error) {
    if (isJobsError(error) && !isAboutTheStore(error)) return error.message
    throw error
  }
}

function isAboutTheStore({ code, retryable }: JobsError): boolean {
  return retryable || code.startsWith('JOBS_STORE_')
}

function isEndOfStream(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ERR_STREAM_PREMATURE_CLOSE'
}
