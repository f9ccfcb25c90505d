import { parseJobId } from '@cgk/jobs-core'
import { expect, test } from 'vitest'
import { createdAtOf, makeJobId } from '../src/job-ids.ts'

test.each([
  ['1', 1_700_000_000_000],
  ['255', 1_700_000_000_000],
  ['256', 1_700_000_000_000],
  ['256', 1_700_000_000_001],
  ['511', 1_700_000_000_001],
  ['9007199254740991', 0],
  ['9007199254740993', 0],
  [String(2n ** 63n - 1n), 1_700_000_000_000],
])('the id of row %s of %i says both', (row, createdAt) => {
  const id = makeJobId(row, createdAt)
  expect(id).toBe(makeJobId(BigInt(row), createdAt))
  const parsed = parseJobId(id)
  expect(BigInt(`0x${parsed?.random}`)).toBe(BigInt(row))
  expect(parsed?.timestamp.getTime()).toBe(createdAt)
  expect(createdAtOf(id, row)).toBe(createdAt)
})
