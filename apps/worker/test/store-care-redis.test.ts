import { createTestRedisInstance, type RedisInstance } from '@cgk/test-servers'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { runToEnd } from './worker-process.ts'

let server: RedisInstance

beforeAll(async () => {
  server = await createTestRedisInstance((reason) => {
    throw new Error(reason)
  })
}, 600_000)

afterAll(() => server[Symbol.asyncDispose]())

async function cgkWorker(
  ...args: readonly string[]
): Promise<{ exitCode: number | null; out: readonly string[]; errors: readonly string[] }> {
  const { worker, exitCode } = await runToEnd([...args, '--store', server.url])
  return { exitCode, out: worker.stdout, errors: worker.stderr }
}

test.each(['up', 'status', 'plan'])(
  'migrate %s says that there is nothing to do',
  async (action) => {
    expect(await cgkWorker('migrate', action)).toEqual({
      exitCode: 0,
      out: [],
      errors: ['the store default has nothing to migrate: a redis store has no schema'],
    })
  },
)

test('doctor tells what is well, what may be lost, and what makes it ill', async () => {
  const well = await cgkWorker('doctor')
  expect(well.exitCode).toBe(0)
  expect(well.out[0]).toBe('default (redis)')
  expect(well.out).toContain('  ok       eviction: maxmemory-policy noeviction')
  expect(well.out).toContain('  ok       privileges: all that a worker needs')
  expect(well.out).toContain('  warning  durability: no persistence: a crash loses every job')
  expect(well.out).toContain('           set appendonly to yes')

  await server.command('CONFIG', 'SET', 'maxmemory-policy', 'allkeys-lru')
  const ill = await cgkWorker('doctor')
  expect(ill.exitCode).toBe(1)
  expect(ill.out).toContain(
    '  error    eviction: maxmemory-policy allkeys-lru deletes jobs when the memory is full: the store refuses to work',
  )
})
