import { createServer } from 'node:http'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { expect, test } from 'vitest'
import { jobLines, runToEnd, WorkerProcess } from './worker-process.ts'

/** A worker with health endpoints, and a function that asks them. */
async function healthyWorker(
  config: string,
  ...args: readonly string[]
): Promise<{
  readonly worker: WorkerProcess
  readonly get: (path: string) => Promise<{ readonly status: number; readonly body: unknown }>
}> {
  const worker = new WorkerProcess(['run', '--config', config, '--health-port', '0', ...args])
  const { port, host } = await worker.untilLogged('serving')
  return {
    worker,
    async get(path) {
      const response = await fetch(`http://${String(host)}:${String(port)}${path}`)
      return { status: response.status, body: await response.json() }
    },
  }
}

test('a running worker is live and, once it has claimed, ready', async () => {
  const { worker, get } = await healthyWorker('jobs.config.ts')
  await using _ = worker
  await worker.untilLogged('worker started')
  expect(await get('/livez')).toEqual({ status: 200, body: { status: 'live' } })
  await expect.poll(() => get('/readyz')).toEqual({ status: 200, body: { status: 'ready' } })
})

test('a store that does not answer within a second makes the worker unready, and not dead', async () => {
  const { worker, get } = await healthyWorker('failing.config.ts')
  await using _ = worker
  await worker.untilLogged('worker started')
  worker.kill('SIGUSR2')
  await expect
    .poll(() => get('/readyz'), { timeout: 5_000 })
    .toEqual({
      status: 503,
      body: { status: 'unready', reasons: ['store other: no answer within 1000 ms'] },
    })
  expect((await get('/livez')).status).toBe(200)
})

test('a draining worker is live and unready', async () => {
  const { worker, get } = await healthyWorker('jobs.config.ts', '--file', '-')
  await using _ = worker
  worker.write(jobLines({ name: 'hold', payload: {} }))
  await worker.untilPrinted('hold began')
  worker.kill('SIGTERM')
  await worker.untilLogged('draining')
  expect(await get('/readyz')).toEqual({
    status: 503,
    body: { status: 'unready', reasons: ['draining'] },
  })
  expect((await get('/livez')).status).toBe(200)
})

test('a busy port is exit code 2', async () => {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const { worker, exitCode } = await runToEnd(['run', '--health-port', String(port)])
  server.close()
  expect(exitCode).toBe(2)
  expect(worker.stderr.join('\n')).toContain(`cannot serve health on 127.0.0.1:${port}`)
  expect(worker.stderr.join('\n')).toContain('EADDRINUSE')
})
