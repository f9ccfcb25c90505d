import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { expect, it } from 'vitest'

const run = promisify(execFile)
const MAIN = fileURLToPath(new URL('../src/main.ts', import.meta.url))

it('tells every story', async () => {
  const { stdout } = await run(process.execPath, [MAIN])
  expect(stdout).toContain('order_1: done')
  expect(stdout).toContain('acme: 2 orders compared')
  expect(stdout).toContain('five changes, 1 sync')
  expect(stdout).toContain('asked for twice, mailed 1 time')
  expect(stdout).toContain('cart_2: reminder 3')
  expect(stdout.match(/^[a-z-]+$/gm)).toHaveLength(12)
})

it('names the kinds there are for one that is not', async () => {
  await expect(run(process.execPath, [MAIN, 'fax'])).rejects.toMatchObject({
    code: 1,
    stderr: expect.stringContaining('paced-email') as string,
  })
})
