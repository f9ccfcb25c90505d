import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Environment } from '../environment.ts'
import type { Runs } from '../turns.ts'

/** What was measured for the rows of one group. */
export interface GroupFigures {
  readonly group: string
  /** What was judged, and how: figures of other conditions do not answer the question. */
  readonly ours: string
  readonly scale: number
  readonly runs: number
  readonly environment: Environment
  /** The runs of each entry, by its key; absent where one failed. */
  readonly entries: Readonly<Record<string, Runs>>
  /** Why some of them are absent. */
  readonly failures: readonly string[]
}

const FILE = 'figures.json'

/** The figures in a folder, so that a table which takes hours can be made in several sittings. */
export class FiguresFile {
  readonly #file: string
  readonly #groups: Map<string, GroupFigures>

  constructor(folder: string) {
    mkdirSync(folder, { recursive: true })
    this.#file = join(folder, FILE)
    const groups = existsSync(this.#file)
      ? (JSON.parse(readFileSync(this.#file, 'utf8')) as GroupFigures[])
      : []
    this.#groups = new Map(groups.map((figures) => [figures.group, figures]))
  }

  /** What was measured before under the same conditions, all of it. */
  find(wanted: Pick<GroupFigures, 'group' | 'ours' | 'scale' | 'runs'>): GroupFigures | undefined {
    const found = this.#groups.get(wanted.group)
    if (found === undefined || found.failures.length > 0) return undefined
    const isSame =
      found.ours === wanted.ours && found.scale === wanted.scale && found.runs === wanted.runs
    return isSame ? found : undefined
  }

  put(figures: GroupFigures): void {
    this.#groups.set(figures.group, figures)
    writeFileSync(this.#file, JSON.stringify([...this.#groups.values()], null, 1))
  }
}
