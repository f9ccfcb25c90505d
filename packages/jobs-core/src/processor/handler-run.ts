import { withTenant } from '@cgk/core'
import { checkPayload, checksPayload, isThenable, type PayloadCheck } from '../job/check-payload.ts'
import type { Job } from '../job/job.ts'
import { type HandlerMiddleware, runWithin } from '../middleware/handler-middleware.ts'
import type { AttemptContext } from './job-handler.ts'
import type { RegisteredHandler } from './registered-handler.ts'

/** Who hears how a handler ended. */
export interface HandlerRunOwner {
  /** Whether the attempt still waits for its handler. */
  readonly running: boolean
  /** Why the attempt was aborted; `null` while it was not. */
  readonly abortReason: Error | null
  returned(value: unknown): void
  threw(thrown: unknown): void
  /** The payload is not valid, and would not be at another attempt. */
  refused(error: Error): void
}

/**
 * Checks the payload and runs the handler within the middleware. What can be synchronous is: a handler
 * that returns a value ends its attempt before this returns.
 */
export function runHandler(
  job: Job<unknown>,
  context: AttemptContext,
  registered: RegisteredHandler,
  middleware: readonly HandlerMiddleware[],
  owner: HandlerRunOwner,
): void {
  const { definition } = registered
  if (definition === undefined || !checksPayload(definition)) {
    run(job, context, registered, middleware, owner)
    return
  }
  const check = checkPayload(definition, job.payload)
  if (check instanceof Promise) {
    void check.then((checked) => {
      runChecked(job, checked, context, registered, middleware, owner)
    })
  } else {
    runChecked(job, check, context, registered, middleware, owner)
  }
}

/** {@link runHandler} with another tenant than the caller's. */
export function runHandlerForTenant(
  tenantId: string | null,
  ...run: Parameters<typeof runHandler>
): void {
  withTenant(tenantId, () => {
    runHandler(...run)
  })
}

function runChecked(
  job: Job<unknown>,
  check: PayloadCheck,
  context: AttemptContext,
  registered: RegisteredHandler,
  middleware: readonly HandlerMiddleware[],
  owner: HandlerRunOwner,
): void {
  if (!owner.running) return
  if (check.ok) {
    const valid = check.payload === job.payload ? job : { ...job, payload: check.payload }
    run(valid, context, registered, middleware, owner)
  } else if (check.refused) owner.refused(check.error)
  else owner.threw(check.error)
}

// Functions that make closures are apart from those that every job passes through: a function that
// may make one pays for it with each call.
function run(
  job: Job<unknown>,
  context: AttemptContext,
  registered: RegisteredHandler,
  middleware: readonly HandlerMiddleware[],
  owner: HandlerRunOwner,
): void {
  const handler = registered.handler as Handler
  try {
    const returned =
      middleware.length === 0
        ? handler(job, context)
        : callWithin(middleware, handler, job, context, owner)
    if (isThenable(returned)) whenSettled(returned, owner)
    else owner.returned(returned)
  } catch (thrown) {
    owner.threw(thrown)
  }
}

type Handler = (job: Job<unknown>, context: AttemptContext) => unknown

function callWithin(
  middleware: readonly HandlerMiddleware[],
  handler: Handler,
  job: Job<unknown>,
  context: AttemptContext,
  owner: HandlerRunOwner,
): unknown {
  return runWithin(middleware, job, context, () => {
    // A middleware may have taken its time.
    if (owner.abortReason !== null) throw owner.abortReason
    return handler(job, context)
  })
}

function whenSettled(returned: PromiseLike<unknown>, owner: HandlerRunOwner): void {
  Promise.resolve(returned).then(
    (value: unknown) => {
      owner.returned(value)
    },
    (thrown: unknown) => {
      owner.threw(thrown)
    },
  )
}
