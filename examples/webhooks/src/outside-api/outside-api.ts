import { setTimeout as delay } from 'node:timers/promises'
import { Hono } from 'hono'
import { apiRate } from '../tenants/directory-file.ts'
import { CallQuota } from './call-quota.ts'
import { answerFor } from './faults.ts'
import { Ledger } from './ledger.ts'

const RETRY_AFTER_SECONDS = '1'

/**
 * The service that the shops' jobs call: `POST /shops/:tenant/:action` with the headers
 * `idempotency-key` and `x-job-id`. It lets a shop call so often and no oftener, is as unreliable as
 * its seed says, and keeps a record of what it did, which `GET /ledger` returns.
 */
export function createOutsideApi({ seed }: { readonly seed: number }): Hono {
  const ledger = new Ledger()
  // Twice the burst that callers keep to: what they start evenly need not arrive so.
  const quota = new CallQuota({ perSecond: apiRate.limit, burst: 2 * apiRate.burst })
  const api = new Hono()

  api.post('/shops/:tenant/:action', async (c) => {
    const key = c.req.header('idempotency-key')
    const jobId = c.req.header('x-job-id')
    if (key === undefined || jobId === undefined) return c.json({ error: 'Missing header' }, 400)

    const { tenant, action } = c.req.param()
    const answer = answerFor(seed, key, ledger.call(key))
    if (answer.type === 'throttled' || !quota.admits(tenant, performance.now())) {
      ledger.count('throttled')
      return c.json({ error: 'Too many requests' }, 429, { 'retry-after': RETRY_AFTER_SECONDS })
    }
    if (answer.type === 'broken') {
      ledger.count('broken')
      return c.json({ error: 'Internal error' }, 500)
    }
    if (answer.type === 'slow') ledger.count('slow')
    const { effectId } = ledger.effect(key, { tenantId: tenant, jobId, action })
    await delay(answer.afterMs, undefined, { ref: false })
    return c.json({ effectId })
  })

  api.get('/ledger', (c) => c.json(ledger.page()))

  return api
}
