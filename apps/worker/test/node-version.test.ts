import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { nodeProblem } from '../src/node-version.ts'

test.each(['22.18.0', '22.19.1', '24.0.0', process.versions.node])(
  'Node.js %s will do',
  (version) => {
    expect(nodeProblem(version)).toBeNull()
  },
)

test.each(['20.20.2', '22.17.1', '18.0.0'])(
  'Node.js %s is too old, as the package says',
  (version) => {
    const { engines } = JSON.parse(
      readFileSync(new URL('../package.json', import.meta.url), 'utf8'),
    ) as { engines: { node: string } }
    const oldest = engines.node.replace('>=', '')
    expect(nodeProblem(version)).toBe(`needs Node.js ${oldest} or newer, and this is ${version}`)
  },
)
