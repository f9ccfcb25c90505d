import { expect, test } from 'vitest'
import { isSamePayload } from '../../src/queue/same-payload.ts'

test.each([
  ['{"a":1,"b":2}', '{"b":2,"a":1}'],
  ['[{"a":[1,{"c":null,"d":""}]}]', '[{"a":[1,{"d":"","c":null}]}]'],
  ['1.0', '1'],
  ['"\\u0041"', '"A"'],
  ['null', 'null'],
])('%s says the same as %s', (left, right) => {
  expect(isSamePayload(left, right)).toBe(true)
  expect(isSamePayload(right, left)).toBe(true)
})

test.each([
  ['{"a":1}', '{"a":"1"}'],
  ['{"a":1}', '{"a":1,"b":null}'],
  ['{"a":1}', '{"b":1}'],
  ['[1,2]', '[2,1]'],
  ['[]', '{}'],
  ['{"0":1}', '[1]'],
  ['null', '{}'],
  ['null', '0'],
  ['""', 'null'],
  ['{"toString":1}', '{"valueOf":1}'],
])('%s does not say the same as %s', (left, right) => {
  expect(isSamePayload(left, right)).toBe(false)
  expect(isSamePayload(right, left)).toBe(false)
})
