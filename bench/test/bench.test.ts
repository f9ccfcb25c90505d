import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { scenarios } from '../src/scenarios/scenarios.ts'
import { findSystem } from '../src/systems/systems.ts'
import { bench, type Line, parseLines } from './run-bench.ts'

const ownCheckout = join(import.meta.dirname, '..', '..')
const TIMEOUT_MS = 180_000

function metricsOf(lines: readonly Line[], system: string): unknown[] {
  return lines.filter((line) => line['system'] === system).map((line) => line['metric'])
}

const tiny = ['--jobs', '40', '--seconds', '0.05', '--runs', '1']

describe('bench', { timeout: TIMEOUT_MS, concurrent: true }, () => {
  let folder = ''
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'bench-'))
  })
  afterAll(async () => {
    await rm(folder, { recursive: true })
  })

  const memory = findSystem('cgk-memory')
  const suited = scenarios.filter((scenario) =>
    scenario.cases({}).some((settings) => scenario.suits?.(memory, settings) ?? true),
  )

  it.each(suited.map(({ name }) => name))('%s prints one result a line', async (scenario) => {
    const jobs = scenario === 'latency' ? ['--jobs', '3'] : []
    const { environment, lines } = await bench([
      scenario,
      ...tiny,
      ...jobs,
      '--systems',
      'cgk-memory',
    ])
    expect(environment).toMatchObject({
      scenario: 'environment',
      node: process.version,
      cores: expect.any(Number) as number,
      packages: { '@cgk/jobs-memory': expect.stringMatching(/^\d/) as string },
    })
    expect(lines.length).toBeGreaterThan(0)
    for (const line of lines) {
      expect(line).toEqual({
        scenario,
        system: 'cgk-memory',
        settings: expect.objectContaining({ processor: 'defaults' }) as unknown,
        metric: expect.stringMatching(/(PerSecond|Milliseconds|PerJob|Jobs)$/) as string,
        median: expect.any(Number) as number,
        min: expect.any(Number) as number,
        max: expect.any(Number) as number,
        runs: 1,
      })
      const { min, median, max } = line as { min: number; median: number; max: number }
      expect(min).toBeLessThanOrEqual(median)
      expect(median).toBeLessThanOrEqual(max)
    }
  })

  it('fastq runs every scenario but the storage port', async () => {
    const { lines } = await bench(['all', ...tiny, '--jobs', '3', '--systems', 'fastq'])
    expect(new Set(lines.map((line) => line['scenario']))).toEqual(
      new Set(['enqueue', 'bulk', 'drain', 'mixed', 'latency', 'backlog', 'tenants', 'rss']),
    )
  })

  it('p-queue runs a scenario', async () => {
    const { lines } = await bench(['mixed', ...tiny, '--systems', 'p-queue'])
    expect(new Set(lines.map((line) => line['scenario']))).toEqual(new Set(['mixed']))
  })

  it('each number of jobs is a case', async () => {
    const { lines } = await bench(['drain', '--jobs', '10,20', '--runs', '1', '--systems', 'fastq'])
    const jobs = lines.map((line) => (line['settings'] as Line)['jobs'])
    expect(new Set(jobs)).toEqual(new Set([10, 20]))
  })

  it('--scale makes each run smaller', async () => {
    const { lines } = await bench([
      'drain',
      '--scale',
      '0.0001',
      '--runs',
      '1',
      '--systems',
      'fastq',
    ])
    expect(lines[0]).toMatchObject({ settings: { jobs: 30 } })
  })

  it('compares the first system with each other, another checkout included', async () => {
    const other = `cgk-memory=${ownCheckout}`
    const systems = ['cgk-memory', other, 'fastq']
    const { lines } = await bench(['drain', ...tiny, '--runs', '2', '--systems', systems.join(',')])
    expect(metricsOf(lines, other)).toContain('jobsPerSecond')
    const ratios = lines.filter((line) => line['metric'] === 'jobsPerSecondRatio')
    expect(ratios).toEqual(
      [other, 'fastq'].map((against) => ({
        scenario: 'drain',
        system: 'cgk-memory',
        against,
        settings: expect.objectContaining({ jobs: 40 }) as unknown,
        metric: 'jobsPerSecondRatio',
        median: expect.any(Number) as number,
        min: expect.any(Number) as number,
        max: expect.any(Number) as number,
        runs: 2,
      })),
    )
  })

  it('--json writes the same lines to a file', async () => {
    const file = join(folder, 'results.jsonl')
    const { environment, lines } = await bench([
      'drain',
      ...tiny,
      '--systems',
      'p-queue',
      '--json',
      file,
    ])
    expect(parseLines(await readFile(file, 'utf8'))).toEqual([environment, ...lines])
  })

  it('--profile writes a profile of each run and says where the time went', async () => {
    const profiles = join(folder, 'profiles')
    const { stderr } = await bench(['drain', ...tiny, '--systems', 'fastq', '--profile', profiles])
    expect(await readdir(profiles)).toHaveLength(1)
    expect(stderr).toContain('self time by function')
  })

  it.each([
    [['unknown'], 'there is no scenario "unknown"'],
    [['drain', '--systems', 'unknown'], 'there is no system "unknown"'],
    [['drain', '--jobs', '0'], '"0" is not a whole number above 0'],
    [['table', '--store', 'unknown'], 'Allowed choices are postgres, redis'],
    [['table', '--store', 'redis', '--rows', 'wal'], 'there is no row "wal"'],
  ])('refuses %j', async (args, message) => {
    await expect(bench(args)).rejects.toThrow(message)
  })

  it('a system that fails ends neither the others nor in silence', async () => {
    const systems = `cgk-memory=${folder},fastq`
    const failure: unknown = await bench(['drain', ...tiny, '--systems', systems]).catch(
      (error: unknown) => error,
    )
    expect(failure).toMatchObject({
      code: 1,
      stderr: expect.stringContaining(
        `drain of cgk-memory=${folder}: Error: there is no packages/`,
      ) as string,
    })
    const { stdout } = failure as { stdout: string }
    expect(metricsOf(parseLines(stdout), 'fastq')).toContain('jobsPerSecond')
  })
})
