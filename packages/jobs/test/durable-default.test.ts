import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { createInterface } from 'node:readline'
import { pathToFileURL } from 'node:url'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'

// A database takes seconds to make, and many where many tests run at once.
vi.setConfig({ hookTimeout: 180_000, testTimeout: 180_000 })

const JOBS = pathToFileURL(resolve(import.meta.dirname, '../src/index.ts')).href

let root: string
let inside: string
const children = new Set<ChildProcess>()

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'cgk-jobs-'))
  await writeFile(join(root, 'pnpm-workspace.yaml'), '')
  inside = join(root, 'apps', 'shop')
  await mkdir(inside, { recursive: true })
  await writeFile(join(inside, 'package.json'), '{}')
})

afterAll(async () => {
  const left = [...children].map(async (child) => {
    const closed = once(child, 'close')
    child.kill('SIGKILL')
    await closed
  })
  await Promise.all(left)
  await rm(root, { recursive: true, force: true })
})

interface Program {
  /** Resolves when the program has printed the line. */
  readonly printed: (line: string) => Promise<void>
  /** Ends the program by `kill -9`. */
  readonly kill: () => Promise<void>
  readonly ended: Promise<{
    readonly code: number | null
    readonly lines: readonly string[]
    readonly errors: string
  }>
}

/** Runs a program in a package of the workspace, with nothing said of a store. */
function run(body: string): Program {
  const program = `
    import { createJobQueue, processJobs } from ${JSON.stringify(JOBS)}
    const queue = createJobQueue({ name: 'default' })
    ${body}
  `
  const { JOBS_STORE_URL: _, ...env } = process.env
  const child = spawn(process.execPath, ['--input-type=module', '--eval', program], {
    cwd: inside,
    env,
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
  const closed = once(child, 'close')
  const ended = closed.then(([code]) => {
    children.delete(child)
    return { code: code as number | null, lines, errors }
  })
  return {
    printed: (line) =>
      Promise.race([
        new Promise<void>((seen) => {
          if (lines.includes(line)) seen()
          else waiting.set(line, seen)
        }),
        ended.then(({ code }) => {
          throw new Error(`ended with ${code} before it printed "${line}": ${errors}`)
        }),
      ]),
    async kill() {
      child.kill('SIGKILL')
      await closed
    },
    ended,
  }
}

describe('without a word about a store', () => {
  test('jobs are kept at the root of the workspace, by a program that ends by itself', async () => {
    const { ended } = run(`
      await queue.enqueue('greet', { who: 'you' }, { jobId: 'first' })
      console.log('stored')
    `)
    expect(await ended).toEqual({ code: 0, lines: ['stored'], errors: '' })
    expect(existsSync(join(root, '.jobs', 'data', 'PG_VERSION'))).toBe(true)
    expect(existsSync(join(inside, '.jobs'))).toBe(false)
  })

  test('a processor of another process runs them, and ends when it is stopped', async () => {
    const { ended } = run(`
      const handlers = new Map([['greet', async (job) => {
        console.log('hello ' + job.payload.who)
        setImmediate(() => processor.stop())
        return { success: true }
      }]])
      const processor = processJobs({ queue, handlers })
      processor.start()
    `)
    // A machine under load may have it say that the event loop was blocked.
    expect(await ended).toMatchObject({ code: 0, lines: ['hello you'] })
  })

  test('what was acknowledged before kill -9 is there, and its jobs run again', async () => {
    const victim = run(`
      const handlers = new Map([['hang', () => (console.log('hanging'), new Promise(() => {}))]])
      processJobs({ queue, handlers, leaseMs: 1000, maxConcurrency: 1 }).start()
      for (let n = 0; n < 50; n++) await queue.enqueue('hang', { n }, { jobId: 'hang-' + n })
      console.log('stored')
    `)
    await Promise.all([victim.printed('hanging'), victim.printed('stored')])
    await victim.kill()
    const { ended } = run(`
      let left = 50
      const handlers = new Map([['hang', async () => ({ success: true })]])
      const processor = processJobs({
        queue,
        handlers,
        onComplete: () => {
          if (--left === 0) void processor.stop()
        },
      })
      processor.start()
      process.on('exit', () => console.log('left', left))
    `)
    expect(await ended).toMatchObject({ code: 0, lines: ['left 0'] })
  })

  test('kill -9 in the midst of enqueuing and running loses nothing of what was acknowledged', async () => {
    for (let round = 1; round <= 2; round += 1) {
      const victim = run(`
        const rounds = createJobQueue({ name: 'rounds' })
        processJobs({ queue: rounds, handlers: new Map([['work', async () => ({ success: true })]]) }).start()
        for (let n = 0; ; n++) {
          const jobId = '${round}-' + n
          await rounds.enqueue('work', { n }, { jobId })
          console.log('acknowledged ' + jobId)
        }
      `)
      await victim.printed(`acknowledged ${round}-${40 * round}`)
      await victim.kill()
      const { lines } = await victim.ended
      const ids = lines.map((line) => line.replace('acknowledged ', ''))
      const witness = await run(`
        const rounds = createJobQueue({ name: 'rounds' })
        const jobs = await Promise.all(${JSON.stringify(ids)}.map((id) => rounds.getJob(id)))
        console.log(jobs.filter((job) => job === null).length, 'lost')
      `).ended
      expect(witness).toEqual({ code: 0, lines: ['0 lost'], errors: '' })
    }
  })

  test('a second process is refused, told why, and let in when the first is gone', async () => {
    const SECOND = `
      await queue.counts().then(
        ({ completed }) => console.log('let in', completed),
        ({ code, retryable, message }) => console.log(code, retryable, message),
      )
    `
    const first = run(`
      await queue.counts()
      console.log('open')
      setInterval(() => {}, 1000)
    `)
    await first.printed('open')
    const refused = await run(SECOND).ended
    expect(refused).toMatchObject({ code: 0, errors: '' })
    expect(refused.lines).toEqual([
      expect.stringMatching(
        /^JOBS_STORE_UNAVAILABLE false the database in .*\.jobs is in use by the process \d+; .* use a server/,
      ),
    ])
    await first.kill()
    expect((await run(SECOND).ended).lines).toEqual(['let in 51'])
  })
})
