import { expect, test } from 'vitest'
import { patience } from '../../src/processor/patience.ts'

test.each([
  ['as long as the attempt took', 8, 9, 8],
  ['20 ms at most', 40, 9, 20],
  ['nothing where no other is in progress', 20, 0, 0],
  ['nothing for one other alone, which may take longer', 20, 1, 0],
  ['nothing where others take so long that hardly one ends meanwhile', 1_000, 9, 0],
  ['as long where there are so many of them that one does', 1_000, 200, 20],
  ['nothing for what a timer cannot wait for', 0.9, 100, 0],
  ['nothing for what took no time at all', 0, 100, 0],
])('a settlement waits for %s', (_what, tookMs, others, expected) => {
  expect(patience(tookMs, others)).toBe(expected)
})
