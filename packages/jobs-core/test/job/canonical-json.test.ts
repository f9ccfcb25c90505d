import { expect, test } from 'vitest'
import { canonicalJson } from '../../src/job/canonical-json.ts'

test.each([
  ['{"a":1,"b":2}', '{"b":2,"a":1}'],
  ['[{"a":[1,{"c":null,"d":""}]}]', '[{"a":[1,{"d":"","c":null}]}]'],
  ['1.0', '1'],
  ['"\\u0041"', '"A"'],
  ['null', 'null'],
])('%s says the same as %s', (left, right) => {
  expect(canonicalJson(left)).toBe(canonicalJson(right))
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
  expect(canonicalJson(left)).not.toBe(canonicalJson(right))
})

test('a canonical text says what the text said', () => {
  const text = '{"b":[{"d":1,"c":{}}],"a":null,"10":1.5,"9":"","é":true}'
  expect(JSON.parse(canonicalJson(text))).toEqual(JSON.parse(text))
})
