import { mkdirSync, readFileSync } from 'node:fs'
import type { Profiler } from 'node:inspector'
import { join } from 'node:path'
import type { RunOrder } from './fork-run.ts'

const SHOWN_FUNCTIONS = 30

/** The file in the folder that is for the profile of one run; makes the folder. */
export function profileFile(folder: string, order: RunOrder, run: number): string {
  mkdirSync(folder, { recursive: true })
  const parts = [order.scenario, order.system, ...Object.values(order.settings), run + 1]
  return join(folder, `${parts.join('-').replaceAll(/[^\w.-]+/g, '_')}.cpuprofile`)
}

/** The functions in which a CPU profile spent most of its time, and the share of each source. */
export function summarizeProfile(file: string): string {
  const profile = JSON.parse(readFileSync(file, 'utf8')) as Profiler.Profile
  const byFunction = new Map<string, number>()
  const bySource = new Map<string, number>()
  const nodes = new Map(profile.nodes.map((node) => [node.id, node]))
  let total = 0
  for (const [index, id] of profile.samples?.entries() ?? []) {
    const frame = nodes.get(id)?.callFrame
    const micros = profile.timeDeltas?.[index] ?? 0
    if (frame === undefined || frame.functionName === '(idle)') continue
    // Starting and stopping the profiler.
    if (frame.url.startsWith('node:inspector')) continue
    const source = shorten(frame.url)
    const name = frame.functionName === '' ? '(anonymous)' : frame.functionName
    add(byFunction, source === '' ? name : `${name}  ${source}:${frame.lineNumber + 1}`, micros)
    add(bySource, source === '' ? name : source, micros)
    total += micros
  }
  return [
    `${file}: ${(total / 1000).toFixed(0)} ms`,
    'self time by function',
    ...top(byFunction, total),
    'self time by source',
    ...top(bySource, total),
  ].join('\n')
}

function add(sums: Map<string, number>, key: string, micros: number): void {
  sums.set(key, (sums.get(key) ?? 0) + micros)
}

function top(sums: ReadonlyMap<string, number>, total: number): string[] {
  return [...sums]
    .toSorted(([, a], [, b]) => b - a)
    .slice(0, SHOWN_FUNCTIONS)
    .map(([key, micros]) => `${((100 * micros) / total).toFixed(1).padStart(6)} %  ${key}`)
}

// The last part of the path tells enough: `jobs-core/src/worker/settler.ts`.
function shorten(url: string): string {
  const path = url.replace(/^file:\/\//, '')
  const inPackage = /(?:packages|node_modules)\/((?!.*(?:packages|node_modules)\/).*)$/.exec(path)
  return inPackage?.[1] ?? path.split('/').slice(-3).join('/')
}
