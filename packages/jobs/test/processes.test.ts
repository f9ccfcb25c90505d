import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { createInterface } from 'node:readline'
import { pathToFileURL } from 'node:url'
import { afterEach, describe, expect, test, vi } from 'vitest'

// A process takes its time to start where many tests run at once.
vi.setConfig({ testTimeout: 30_000 })

const PACKAGE = resolve(import.meta.dirname, '..')

interface Ended {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  readonly lines: readonly string[]
  readonly errors: string
}

const children = new Set<ChildProcess>()
const cleanUps: (() => Promise<void>)[] = []

afterEach(async () => {
  for (const child of children) child.kill('SIGKILL')
  children.clear()
  for (const cleanUp of cleanUps.splice(0)) await cleanUp()
})

/** Runs a program in a process of its own. */
function run(
  program: string,
  options: { readonly cwd?: string; readonly env?: Record<string, string> } = {},
): {
  /** Resolves when the program has printed the line. */
  readonly printed: (line: string) => Promise<void>
  readonly kill: (signal: NodeJS.Signals) => void
  readonly ended: Promise<Ended>
} {
  const child = spawn(process.execPath, ['--input-type=module', '--eval', program], {
    cwd: options.cwd ?? PACKAGE,
    // What runs the tests lets Node look for packages in more places than it does by itself.
    env: { ...process.env, JOBS_STORE_URL: 'memory:', NODE_PATH: '', ...options.env },
  })
  children.add(child)
  const lines: string[] = []
  const waiting = new Map<string, () => void>()
  createInterface(child.stdout).on('line', (line) => {
    lines.push(line)
    waiting.get(line)?.()
  })
  let errors = ''
  child.stderr.on('data', (chunk: Buffer) => (errors += chunk.toString()))
  const ended = once(child, 'close').then(([code, signal]): Ended => {
    children.delete(child)
    return { code, signal, lines, errors } as Ended
  })
  return {
    printed: (line) =>
      Promise.race([
        new Promise<void>((seen) => {
          if (lines.includes(line)) seen()
          else waiting.set(line, seen)
        }),
        ended.then(({ code, errors: text }) => {
          throw new Error(`ended with ${code} before it printed "${line}": ${text}`)
        }),
      ]),
    kill: (signal) => void child.kill(signal),
    ended,
  }
}

const SUCCESS = { code: 0, signal: null, errors: '' }

describe('a program that only enqueues', () => {
  test('ends by itself, with exit code 0', async () => {
    const { ended } = run(`
      import { createJobQueue, defineJob } from '@cgk/jobs'
      const job = defineJob({ name: 'greet', handler: () => ({ success: true }) })
      const queue = createJobQueue({ name: 'default' })
      await queue.enqueue(job, { who: 'you' })
      await queue.enqueueMany([{ job: 'greet', payload: {}, options: { delay: 3_000_000_000 } }])
      const { pending, scheduled } = await queue.counts()
      console.log(pending, scheduled)
    `)
    expect(await ended).toEqual({ ...SUCCESS, lines: ['1 1'] })
  })

  test('also when it asks about jobs, drives one by hand and never acknowledges another', async () => {
    const { ended } = run(`
      import { createJobQueue } from '@cgk/jobs'
      const queue = createJobQueue({ name: 'default' })
      await queue.enqueue('a', 1)
      await queue.enqueue('b', 2)
      const [first] = await queue.dequeue(2)
      await queue.acknowledge(first, 'completed')
      await queue.pause()
      console.log((await queue.listJobs()).map(({ name, status }) => name + ' ' + status).join())
    `)
    expect(await ended).toEqual({ ...SUCCESS, lines: ['b running,a completed'] })
  })
})

describe('a program that processes', () => {
  const PROCESSOR = `
    import { createJobQueue, processJobs } from '@cgk/jobs'
    const queue = createJobQueue({ name: 'default' })
    const say = (message, fields) => console.log(message, JSON.stringify(fields))
    const handlers = new Map()
    handlers.set('wait', async (job, { signal }) => {
      console.log('begun ' + job.payload.n)
      await new Promise((resolve, reject) => {
        if (job.payload.untilTold) process.on('SIGTERM', () => setTimeout(end, 20))
        const timer = setTimeout(resolve, job.payload.ms)
        const end = () => (clearTimeout(timer), resolve())
        signal.addEventListener('abort', () => {
          clearTimeout(timer)
          reject(signal.reason)
        })
      })
      return { success: true }
    })
    const processor = processJobs({
      queue,
      handlers,
      maxConcurrency: 1,
      gracePeriod: Number(process.env.GRACE),
      logger: { warn: say, error: say },
      onComplete: (job) => console.log('completed ' + job.payload.n),
    })
    processor.start()
    process.on('SIGTERM', async () => {
      console.log('stopping')
      await processor.stop()
      const { completed, pending, running } = await queue.counts()
      console.log('stopped', completed, pending, running)
    })
    console.log('started')
    for (const payload of JSON.parse(process.env.JOBS)) await queue.enqueue('wait', payload)
  `

  test('stays while it has nothing to do, and ends with 0 after SIGTERM', async () => {
    const { printed, kill, ended } = run(PROCESSOR, { env: { GRACE: '5000', JOBS: '[]' } })
    await printed('started')
    kill('SIGTERM')
    expect(await ended).toEqual({
      ...SUCCESS,
      lines: ['started', 'stopping', 'stopped 0 0 0'],
    })
  })

  test('finishes what it runs after SIGTERM and begins nothing more', async () => {
    const { printed, kill, ended } = run(PROCESSOR, {
      env: {
        GRACE: '20000',
        JOBS: JSON.stringify([
          { n: 1, ms: 10 },
          { n: 2, ms: 3_600_000, untilTold: true },
          { n: 3, ms: 10 },
        ]),
      },
    })
    await printed('begun 2')
    kill('SIGTERM')
    expect(await ended).toEqual({
      ...SUCCESS,
      lines: [
        'started',
        'begun 1',
        'completed 1',
        'begun 2',
        'stopping',
        'completed 2',
        'stopped 2 1 0',
      ],
    })
  })

  test('aborts and gives back what outlasts the grace period', async () => {
    const { printed, kill, ended } = run(PROCESSOR, {
      env: { GRACE: '100', JOBS: '[{"n":1,"ms":3600000}]' },
    })
    await printed('begun 1')
    kill('SIGTERM')
    expect(await ended).toEqual({
      ...SUCCESS,
      lines: [
        'started',
        'begun 1',
        'stopping',
        'the grace period is over; attempts in progress are aborted and given back {"queue":"default","jobs":1}',
        'stopped 0 1 0',
      ],
    })
  })
})

describe('an adapter that the program has installed', () => {
  /** An empty project with one adapter in it, of this source. */
  async function projectWith(name: string, source: string): Promise<string> {
    const directory = await mkdtemp(join(tmpdir(), 'cgk-jobs-'))
    cleanUps.push(() => rm(directory, { recursive: true, force: true }))
    const adapter = join(directory, 'node_modules', name)
    await mkdir(adapter, { recursive: true })
    await writeFile(join(directory, 'package.json'), '{}')
    const manifest = { name, type: 'module', exports: { '.': './index.js' } }
    await writeFile(join(adapter, 'package.json'), JSON.stringify(manifest))
    await writeFile(join(adapter, 'index.js'), source)
    return directory
  }

  const jobs = pathToFileURL(join(PACKAGE, 'src', 'index.ts')).href
  const OPEN = `
    import { openStore } from ${JSON.stringify(jobs)}
    try {
      console.log('opened', openStore().name)
    } catch (error) {
      console.log('refused', error.code, error.message)
    }
  `

  test('is found from the program’s directory and given the whole URL', async () => {
    const cwd = await projectWith(
      '@cgk/jobs-redis',
      `export const createStoreFromUrl = (url) => ({ name: url, enqueue() {}, close() {} })`,
    )
    const { ended } = run(OPEN, { cwd, env: { JOBS_STORE_URL: 'redis://:secret@host/1' } })
    expect((await ended).lines).toEqual(['opened redis://:secret@host/1'])
  })

  test('that fails to load says why, and is not called missing', async () => {
    const cwd = await projectWith('@cgk/jobs-redis', `throw new Error('wrong version of redis')`)
    const { ended } = run(OPEN, { cwd, env: { JOBS_STORE_URL: 'redis://:secret@host' } })
    const { lines } = await ended
    expect(lines.join()).toContain('wrong version of redis')
    expect(lines.join()).not.toContain('npm install')
  })

  test.each([
    ['redis://:secret@host', '@cgk/jobs-redis'],
    ['rediss://:secret@host', '@cgk/jobs-redis'],
    ['redis-cluster://:secret@host?node=other', '@cgk/jobs-redis'],
    ['redis-sentinel://:secret@host?name=jobs', '@cgk/jobs-redis'],
  ])('that is not there is named, and nothing secret of %s', async (url, name) => {
    const cwd = await projectWith('@cgk/jobs-other', '')
    const { ended } = run(OPEN, { cwd, env: { JOBS_STORE_URL: url } })
    const scheme = url.slice(0, url.indexOf(':'))
    expect((await ended).lines).toEqual([
      `refused JOBS_STORE_NOT_INSTALLED a ${scheme}: store needs a package that is not installed: npm install ${name}`,
    ])
  })
})
