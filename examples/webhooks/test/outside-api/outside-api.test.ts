import { expect, test } from 'vitest'
import { CallQuota } from '../../src/outside-api/call-quota.ts'
import { answerFor } from '../../src/outside-api/faults.ts'
import { createOutsideApi } from '../../src/outside-api/outside-api.ts'
import { keyAnswered } from './key-answered.ts'

const SEED = 7

test('an answer follows from the seed, the key and the number of the call', () => {
  expect(answerFor(SEED, 'rawdog/a', 1)).toEqual(answerFor(SEED, 'rawdog/a', 1))
  const answers = (seed: number): string[] =>
    Array.from({ length: 200 }, (_, index) => answerFor(seed, `rawdog/${index}`, 1).type)
  expect(answers(SEED)).toEqual(answers(SEED))
  expect(answers(SEED)).not.toEqual(answers(SEED + 1))
})

test('most calls are done at once, and each fault occurs', () => {
  const types = Array.from(
    { length: 20_000 },
    (_, index) => answerFor(SEED, `key ${index}`, 1).type,
  )
  const share = (type: string): number => types.filter((t) => t === type).length / types.length
  expect(share('done')).toBeGreaterThan(0.7)
  for (const fault of ['throttled', 'broken', 'slow']) expect(types).toContain(fault)
})

test('a throttled call says when to come back and has no effect', async () => {
  const api = createOutsideApi({ seed: SEED })
  const response = await post(api, keyAnswered(SEED, 'throttled'))
  expect(response.status).toBe(429)
  expect(response.headers.get('retry-after')).toBe('1')
  expect(await ledgerOf(api)).toMatchObject({ effects: [], counts: { calls: 1, throttled: 1 } })
})

test('a broken call has no effect', async () => {
  const api = createOutsideApi({ seed: SEED })
  const response = await post(api, keyAnswered(SEED, 'broken'))
  expect(response.status).toBe(500)
  expect(await ledgerOf(api)).toMatchObject({ effects: [], counts: { calls: 1, broken: 1 } })
})

test('a call repeated under its key has its effect once', async () => {
  const api = createOutsideApi({ seed: SEED })
  const key = keyAnswered(SEED, 'done', 'done')
  const first = await (await post(api, key)).json()
  const second = await (await post(api, key)).json()
  expect(second).toEqual(first)
  expect(await ledgerOf(api)).toMatchObject({
    effects: [{ tenantId: 'rawdog', jobId: 'job_1', action: 'notify-team' }],
    counts: { calls: 2, replayed: 1 },
  })
})

test('a shop may call so often and no oftener, whatever the others do', () => {
  const quota = new CallQuota({ perSecond: 100, burst: 3 })
  const admitted = (shop: string, now: number): boolean[] =>
    Array.from({ length: 5 }, () => quota.admits(shop, now))
  expect(admitted('rawdog', 0)).toEqual([true, true, true, false, false])
  expect(admitted('meliusly', 0)).toEqual([true, true, true, false, false])
  expect(admitted('rawdog', 20)).toEqual([true, true, false, false, false])
  expect(admitted('rawdog', 60_000)).toEqual([true, true, true, false, false])
})

test('a call without a key is refused', async () => {
  const api = createOutsideApi({ seed: SEED })
  const response = await api.request('/shops/rawdog/notify-team', { method: 'POST' })
  expect(response.status).toBe(400)
})

type Api = ReturnType<typeof createOutsideApi>

async function post(api: Api, key: string): Promise<Response> {
  return api.request('/shops/rawdog/notify-team', {
    method: 'POST',
    headers: { 'idempotency-key': key, 'x-job-id': 'job_1' },
  })
}

async function ledgerOf(api: Api): Promise<unknown> {
  return (await api.request('/ledger')).json()
}
