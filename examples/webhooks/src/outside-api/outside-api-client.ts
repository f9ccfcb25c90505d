import { PermanentError, RetryAfterError } from '@cgk/jobs'
import * as v from 'valibot'
import type { LedgerPage } from './ledger.ts'

/** What to do, for whom. */
export interface OutsideCall {
  readonly tenantId: string
  readonly action: string
  readonly jobId: string
  readonly body: unknown
}

const Receipt = v.object({ effectId: v.string() })

const Page = v.object({
  effects: v.array(
    v.object({
      effectId: v.string(),
      tenantId: v.string(),
      jobId: v.string(),
      action: v.string(),
    }),
  ),
  counts: v.object({
    calls: v.number(),
    throttled: v.number(),
    broken: v.number(),
    slow: v.number(),
    replayed: v.number(),
  }),
})

/** The outside API could not do it now; another attempt may. */
class OutsideApiError extends Error {
  override readonly name = 'OutsideApiError'
  readonly code: string

  constructor(status: number) {
    super(`The outside API answered ${status}`)
    this.code = `OUTSIDE_API_${status}`
  }
}

/** Calls the outside API, and turns its answers into what a job's next attempt should be. */
export class OutsideApiClient {
  readonly #url: string

  constructor(url: string) {
    this.#url = url
  }

  /**
   * Has an action done once, however often it is called for the same job.
   *
   * @throws `RetryAfterError` on 429, `PermanentError` on any other 4xx, a retryable error on 5xx.
   */
  async perform(call: OutsideCall, signal: AbortSignal): Promise<{ readonly effectId: string }> {
    const response = await fetch(`${this.#url}/shops/${call.tenantId}/${call.action}`, {
      method: 'POST',
      signal,
      headers: {
        'content-type': 'application/json',
        'idempotency-key': `${call.tenantId}/${call.jobId}`,
        'x-job-id': call.jobId,
      },
      body: JSON.stringify(call.body),
    })
    // Read to its end whatever it says, so that the connection can be used again.
    const answer = await response.text()
    if (!response.ok) throw errorFor(response)
    return v.parse(Receipt, JSON.parse(answer))
  }

  /** What the outside API says it did. */
  async ledger(): Promise<LedgerPage> {
    const response = await fetch(`${this.#url}/ledger`)
    return v.parse(Page, await response.json())
  }
}

function errorFor(response: Response): Error {
  const { status } = response
  const code = `OUTSIDE_API_${status}`
  if (status === 429) {
    const seconds = Number(response.headers.get('retry-after') ?? 1)
    return new RetryAfterError('The outside API answered 429', seconds * 1000, { code })
  }
  if (status < 500) return new PermanentError(`The outside API answered ${status}`, { code })
  return new OutsideApiError(status)
}
