import { currentTenant, withTenant } from '@cgk/core'
import { JobsError } from '../errors.ts'
import { isRecord } from '../job/check-job-options.ts'
import type { AnyJobDefinition } from '../job/define-job.ts'
import type { Job, JobOptions } from '../job/job.ts'
import type { JobRequest } from '../job/job-request.ts'
import { describe } from '../job/names.ts'
import { checkMiddleware } from './check-middleware.ts'

/** A job that is about to be enqueued, for middleware to change. Nothing of it is checked yet. */
export interface JobDraft {
  readonly name: string
  payload: unknown
  /** A copy of what the caller gave, with `headers` always there. */
  options: { -readonly [K in keyof JobOptions]: JobOptions[K] } & {
    headers: Record<string, string>
  }
}

/** Where a draft is going. */
export interface EnqueueContext {
  readonly queue: string
  /** The current tenant; `options.tenantId` goes before it. */
  readonly tenantId: string | undefined
}

/**
 * Runs before every job of an enqueue call is checked and stored; see `JobQueue.use`.
 *
 * @param next - goes on with the draft as it is now: resolves with the stored job (`null` for a member
 * of a group whose `groupId` was there already), rejects with what refused it. To be called exactly once: a middleware that does not want the job stored throws.
 * @returns nothing that is looked at, but a promise is waited for.
 */
export type EnqueueMiddleware = (
  draft: JobDraft,
  context: EnqueueContext,
  next: () => Promise<Job<unknown> | null>,
) => unknown

/** Stores jobs, all or none; answers in the order of the input. */
type Store = (requests: readonly JobRequest[]) => Promise<Job<unknown>[]>

/** The enqueue middleware of one queue object. */
export class EnqueueChain {
  readonly #queue: string
  #middleware: readonly EnqueueMiddleware[] = []

  constructor(queue: string) {
    this.#queue = queue
  }

  /** Whether there is any; without, call the store directly. */
  get active(): boolean {
    return this.#middleware.length > 0
  }

  /** @throws {@link JobsError} `JOBS_INVALID_CONFIG` */
  use(middleware: EnqueueMiddleware): void {
    checkMiddleware(middleware)
    this.#middleware = [...this.#middleware, middleware]
  }

  /**
   * Passes each job through the middleware, then stores all of them in one call: each waits in its
   * innermost `next` until the others have come as far.
   *
   * @throws what a middleware threw; nothing is stored then, unless it threw after its `next`.
   */
  async run(requests: readonly JobRequest[], store: Store): Promise<Job<unknown>[]> {
    if (requests.length === 0) return store(requests)
    const tenantId = currentTenant()
    // Whichever middleware comes last, and in whatever tenant it left its `next`: the call has its own.
    const batch = new Batch(requests.length, (changed) =>
      withTenant(tenantId ?? null, () => store(changed)),
    )
    const context: EnqueueContext = { queue: this.#queue, tenantId }
    await Promise.all(
      requests.map(async (request, index) => {
        const { job, payload, options } = (request ?? {}) as JobRequest
        const draft = draftOf(job, payload, options)
        try {
          await enter(this.#middleware, draft, context, () =>
            batch.arrive(index, changedBy(draft, request)),
          )
        } catch (error) {
          batch.fail(error)
        }
      }),
    )
    return batch.outcome()
  }
}

/** The jobs of one call, on their way to one call of the store. */
class Batch {
  readonly #store: Store
  readonly #requests: JobRequest[] = []
  readonly #stored = Promise.withResolvers<Job<unknown>[]>()
  #missing: number
  #failure: { readonly error: unknown } | null = null

  constructor(size: number, store: Store) {
    this.#store = store
    this.#missing = size
    // Who waits for it hears of a failure in its own promise.
    this.#stored.promise.catch(() => {})
  }

  /** One job is ready. Resolves with it when all are stored. */
  async arrive(index: number, request: JobRequest): Promise<Job<unknown> | null> {
    this.#requests[index] = request
    this.#missing -= 1
    if (this.#missing === 0 && this.#failure === null) {
      this.#store(this.#requests).then(this.#stored.resolve, this.#stored.reject)
    }
    return (await this.#stored.promise)[index] ?? null
  }

  /** The call fails; what is not stored yet never is. The first reason stays. */
  fail(error: unknown): void {
    this.#failure ??= { error }
    this.#stored.reject(error)
  }

  /** When every middleware has ended. */
  outcome(): Promise<Job<unknown>[]> {
    if (this.#failure !== null) throw this.#failure.error
    return this.#stored.promise
  }
}

async function enter(
  middleware: readonly EnqueueMiddleware[],
  draft: JobDraft,
  context: EnqueueContext,
  arrive: () => Promise<Job<unknown> | null>,
): Promise<Job<unknown> | null> {
  const [layer, ...inner] = middleware
  if (layer === undefined) return arrive()
  let going: Promise<Job<unknown> | null> | null = null
  await layer(draft, context, () => {
    const result: Promise<Job<unknown> | null> =
      going === null ? enter(inner, draft, context, arrive) : Promise.reject(misuse(draft, 'twice'))
    going ??= result
    // A middleware that does not wait for it must not end the process with an unhandled rejection.
    result.catch(() => {})
    return result
  })
  if (going === null) throw misuse(draft, 'never')
  // Whatever the middleware made of it: the call ends as the storing does.
  return going
}

function misuse({ name }: JobDraft, how: 'never' | 'twice'): JobsError {
  return new JobsError(
    'JOBS_INVALID_RESULT',
    how === 'twice'
      ? `an enqueue middleware called next() twice for a job named ${describe(name)}`
      : `an enqueue middleware ended without next(), so the job named ${describe(name)} is not stored; to refuse a job, throw an error`,
  )
}

function draftOf(
  job: string | AnyJobDefinition,
  payload: unknown,
  options: JobOptions | undefined,
): JobDraft {
  const name = typeof job === 'string' ? job : job?.name
  const given: unknown = options?.headers
  const draft = { ...options, headers: given === undefined ? {} : given }
  // A copy, unless it is nothing to copy: then the check is to refuse it.
  if (isRecord(given)) draft.headers = { ...given }
  return { name, payload, options: draft as JobDraft['options'] }
}

// With whatever else was given, for the check to refuse.
function changedBy({ payload, options }: JobDraft, request: JobRequest): JobRequest {
  const { headers, ...others } = options
  const isEmpty = isRecord(headers) && Object.keys(headers).length === 0
  return { ...request, payload, options: isEmpty ? others : options }
}
