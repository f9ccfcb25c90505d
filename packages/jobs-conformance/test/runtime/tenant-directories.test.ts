import { functionDirectory, type TenantEntry } from '@cgk/jobs-core'
import { beforeEach, describe, expect, test } from 'vitest'
import { ManualTime } from './manual-time.ts'
import { SimulatedProcess } from './simulated-process.ts'

let time: ManualTime
let process: SimulatedProcess
let answer: () => readonly TenantEntry[] | Promise<readonly TenantEntry[]>
let asked: number

beforeEach(() => {
  time = new ManualTime()
  process = new SimulatedProcess(time)
  answer = () => [{ id: 'rawdog' }]
  asked = 0
})

function directory(options: Partial<Parameters<typeof functionDirectory>[1]> = {}) {
  const { runtime, logger } = process
  const ask = () => {
    asked += 1
    return answer()
  }
  return functionDirectory(ask, { refreshMs: 1_000, runtime, logger, ...options })
}

const idsOf = (tenants: ReadonlyMap<string, unknown> | null) => [...(tenants?.keys() ?? [])]

test('a function is asked when its tenants are first needed, by all who need them together', async () => {
  const tenants = directory()
  await time.advance(10_000)
  expect(asked).toBe(0)
  expect(tenants.current()).toBeNull()
  const [one, other] = await Promise.all([tenants.ready(), tenants.ready()])
  expect(idsOf(one)).toEqual(['rawdog'])
  expect(other).toBe(one)
  expect(asked).toBe(1)
  expect(tenants.get('rawdog')).toEqual({ id: 'rawdog', status: 'active' })
})

test('a function is asked again every so often, and only a change is told', async () => {
  const tenants = directory()
  const told: string[][] = []
  tenants.subscribe((changed) => told.push(idsOf(changed)))
  await tenants.ready()
  await time.advance(3_000)
  expect(asked).toBe(4)
  expect(told).toEqual([['rawdog']])
  answer = () => [{ id: 'rawdog' }, { id: 'meliusly' }]
  await time.advance(1_000)
  expect(told).toEqual([['rawdog'], ['rawdog', 'meliusly']])
})

test('nothing that a directory waits for holds the process open', async () => {
  const tenants = directory()
  await tenants.ready()
  expect(time.foregroundTimers).toBe(0)
})

test('a listener that throws keeps nothing from the others', async () => {
  const tenants = directory()
  const told: string[][] = []
  tenants.subscribe(() => {
    throw new Error('no')
  })
  tenants.subscribe((changed) => told.push(idsOf(changed)))
  await tenants.ready()
  expect(told).toEqual([['rawdog']])
  expect(process.messages).toEqual(['a listener of the tenant directory threw'])
})

describe.each<[string, () => readonly TenantEntry[] | Promise<readonly TenantEntry[]>, RegExp]>([
  [
    'throws',
    () => {
      throw new Error('no database')
    },
    /^no database$/,
  ],
  ['fails', () => Promise.reject(new Error('no database')), /^no database$/],
  ['does not come', () => new Promise(() => {}), /no answer within 10000 ms/],
  ['is wrong', () => [{ id: 'rawdog', weight: 0 }], /tenant "rawdog": weight must/],
])('an answer that %s', (_, bad, problem) => {
  test('is reported once, and the last good one stays until a better one comes', async () => {
    const tenants = directory()
    const good = await tenants.ready()
    answer = bad
    await time.advance(60_000)
    expect(tenants.current()).toBe(good)
    expect(process.log).toEqual([
      {
        level: 'error',
        message: 'the tenants could not be read anew; the last good ones stay',
        fields: {
          tenants: 1,
          error: expect.objectContaining({ message: expect.stringMatching(problem) }),
        },
      },
    ])
    answer = () => [{ id: 'meliusly' }]
    await time.advance(20_000)
    expect(idsOf(tenants.current())).toEqual(['meliusly'])
  })

  test('at the start is told to who waits for the tenants, and it is asked again by itself', async () => {
    answer = bad
    const tenants = directory()
    const waiting = expect(tenants.ready()).rejects.toThrow(problem)
    await time.advance(10_000)
    await waiting
    expect(tenants.current()).toBeNull()
    answer = () => [{ id: 'rawdog' }]
    await time.advance(20_000)
    expect(idsOf(tenants.current())).toEqual(['rawdog'])
  })
})

test('a hint is followed at once, also one that comes while the function is asked', async () => {
  let hint = (): void => {}
  let watching = 0
  const tenants = directory({
    refreshMs: 60_000,
    watch(changed) {
      hint = changed
      watching += 1
      return () => (watching -= 1)
    },
  })
  const slow = Promise.withResolvers<readonly TenantEntry[]>()
  answer = () => slow.promise
  const ready = tenants.ready()
  await time.settle()
  hint()
  answer = () => [{ id: 'meliusly' }]
  slow.resolve([{ id: 'rawdog' }])
  expect(idsOf(await ready)).toEqual(['rawdog'])
  await time.settle()
  expect(idsOf(tenants.current())).toEqual(['meliusly'])
  answer = () => []
  hint()
  await time.settle()
  expect(idsOf(tenants.current())).toEqual([])
  tenants.close()
  expect(watching).toBe(0)
})

test('a closed directory asks no more, and keeps what it knows', async () => {
  const tenants = directory()
  await tenants.ready()
  tenants.close()
  await time.advance(60_000)
  expect(asked).toBe(1)
  expect(idsOf(tenants.current())).toEqual(['rawdog'])
})

test.each([0, 99, 86_400_001, Number.NaN])('a refreshMs of %s is refused', (refreshMs) => {
  expect(() => directory({ refreshMs })).toThrow(
    expect.objectContaining({ code: 'JOBS_INVALID_CONFIG' }),
  )
})
