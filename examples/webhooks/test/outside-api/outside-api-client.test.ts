import { afterAll, beforeAll, expect, test } from 'vitest'
import { OutsideApiClient } from '../../src/outside-api/outside-api-client.ts'
import { serveOutsideApi, type OutsideApiServer } from '../../src/outside-api/serve-outside-api.ts'
import { keyAnswered } from './key-answered.ts'

const SEED = 7

let server: OutsideApiServer
let client: OutsideApiClient

beforeAll(async () => {
  server = await serveOutsideApi({ seed: SEED })
  client = new OutsideApiClient(server.url)
})

afterAll(() => server.close())

test('what is done is on record under the receipt', async () => {
  const key = keyAnswered(SEED, 'done')
  const { effectId } = await perform(key)
  const { effects } = await client.ledger()
  expect(effects).toContainEqual({
    effectId,
    tenantId: 'rawdog',
    jobId: jobIdOf(key),
    action: 'notify-team',
  })
})

test('429 asks for the next attempt after the time it names', async () => {
  await expect(perform(keyAnswered(SEED, 'throttled'))).rejects.toMatchObject({
    name: 'RetryAfterError',
    retryAfter: 1000,
    code: 'OUTSIDE_API_429',
  })
})

test('500 leaves the next attempt to the job’s own backoff', async () => {
  const error: unknown = await perform(keyAnswered(SEED, 'broken')).catch((thrown) => thrown)
  expect(error).toMatchObject({ code: 'OUTSIDE_API_500' })
  expect(error).not.toHaveProperty('retryAfter')
  expect(error).not.toHaveProperty('retryable')
})

test('an address that does not exist fails the job for good', async () => {
  const lost = new OutsideApiClient(`${server.url}/nowhere`)
  const call = { tenantId: 'rawdog', action: 'notify-team', jobId: 'job_1', body: {} }
  await expect(lost.perform(call, AbortSignal.timeout(5000))).rejects.toMatchObject({
    name: 'PermanentError',
    code: 'OUTSIDE_API_404',
  })
})

function perform(key: string): Promise<{ readonly effectId: string }> {
  const call = { tenantId: 'rawdog', action: 'notify-team', jobId: jobIdOf(key), body: {} }
  return client.perform(call, AbortSignal.timeout(5000))
}

function jobIdOf(key: string): string {
  return key.replace('rawdog/', '')
}
