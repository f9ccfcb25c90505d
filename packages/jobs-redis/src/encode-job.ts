import type { GroupLinks, NewJob } from '@cgk/jobs-core'

/** A tenant as the functions know it; nobody's is the empty one. */
export function tenantText(tenantId: string | null): string {
  return tenantId ?? ''
}

/** A job on its way in, as `lua/enqueuer.ts` reads it. */
export interface EncodedJob {
  readonly input: string
  readonly tail: string
}

/** @param links - how the job takes part in groups. */
export function encodeJob(job: NewJob, links?: GroupLinks): EncodedJob {
  const extras = extrasOf(job, links)
  const tail = `${extras ?? ''}\n${tenantText(job.tenantId)}\n${job.name}\n${job.payload}`
  return { input: inputOf(job), tail }
}

/** The arguments of jobs on their way in: how many there are, and three of each. */
export function jobArguments(jobs: readonly NewJob[]): string[] {
  const args = [String(jobs.length)]
  for (const job of jobs) {
    const { input, tail } = encodeJob(job)
    args.push(tenantText(job.tenantId), input, tail)
  }
  return args
}

/** What most jobs have none of, as the body keeps it: one letter where the functions read it. */
export interface Extras {
  readonly p?: number
  readonly i?: string
  readonly u?: string
  readonly o?: string
  readonly c?: string
  readonly n?: number
  readonly l?: string
  readonly m?: string
  readonly b?: string
  readonly s?: NonNullable<NewJob['schedule']>
  readonly metadata?: string
  readonly headers?: string
  readonly maxAttempts?: number
  readonly retryDelayMs?: number
  readonly timeoutMs?: number
}

function extrasOf(job: NewJob, links?: GroupLinks): string | null {
  if (hasNoExtras(job) && links === undefined) return null
  const extras: Extras = {
    ...(job.priority !== 0 && { p: job.priority }),
    ...(job.jobId !== undefined && { i: job.jobId }),
    ...(job.unique !== undefined && { u: job.unique.key }),
    ...(job.orderingKey !== undefined && { o: job.orderingKey }),
    ...(job.concurrencyKey !== undefined && { c: job.concurrencyKey }),
    ...(job.concurrencyLimit !== undefined && { n: job.concurrencyLimit }),
    ...(job.limiter !== undefined && { l: job.limiter }),
    ...(links?.memberOf != null && { m: links.memberOf }),
    ...(links?.callbackOf != null && { b: links.callbackOf }),
    ...(job.schedule !== undefined && { s: job.schedule }),
    ...(job.metadata !== undefined && { metadata: job.metadata }),
    ...(job.headers !== undefined && { headers: job.headers }),
    ...(job.maxAttempts !== undefined && { maxAttempts: job.maxAttempts }),
    ...(job.retryDelayMs !== undefined && { retryDelayMs: job.retryDelayMs }),
    ...(job.timeoutMs !== undefined && { timeoutMs: job.timeoutMs }),
  }
  const text = JSON.stringify(extras)
  if (text === '{}') return null
  // See lua/plain-jobs.ts: a space before it says that nothing of it binds the job.
  const isUnbound = hasOnlyText(job) && links === undefined && job.schedule === undefined
  return isUnbound ? ` ${text}` : text
}

/** A job that is due at once and bound to nothing is but a priority: then a run of them is taken in at once. */
function inputOf(job: NewJob): string {
  const { delayMs, runAt, unique, priority } = job
  const isDueAtOnce = delayMs === undefined && runAt === undefined
  if (isDueAtOnce && hasOnlyText(job)) return String(priority)
  return JSON.stringify({
    i: job.jobId,
    d: delayMs,
    r: runAt,
    u: unique?.key,
    uk: unique?.ifTaken,
    uw: unique?.ifTaken === 'keep' ? unique.windowMs : undefined,
    um: unique?.ifTaken === 'debounce' ? unique.maxWaitMs : undefined,
  })
}

/** As most jobs: to see it in the text would cost more than all the rest of the encoding. */
function hasNoExtras(job: NewJob): boolean {
  return (
    job.priority === 0 &&
    hasOnlyText(job) &&
    job.schedule === undefined &&
    job.metadata === undefined &&
    job.headers === undefined &&
    job.maxAttempts === undefined &&
    job.retryDelayMs === undefined &&
    job.timeoutMs === undefined
  )
}

/** Whether nothing of the job decides whether it is taken in or when it may be claimed. */
function hasOnlyText(job: NewJob): boolean {
  return (
    job.jobId === undefined &&
    job.unique === undefined &&
    job.orderingKey === undefined &&
    job.concurrencyKey === undefined &&
    job.limiter === undefined
  )
}
