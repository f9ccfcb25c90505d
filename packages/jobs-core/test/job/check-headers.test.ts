import { expect, test } from 'vitest'
import { checkHeaders } from '../../src/job/check-headers.ts'

const many = (count: number): Record<string, string> =>
  Object.fromEntries(Array.from({ length: count }, (_, index) => [`h${index}`, '']))

test.each<[string, Record<string, string>]>([
  ['none', {}],
  ['a trace', { traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01' }],
  ['32 of them', many(32)],
  ['a name of 100 characters', { ['x'.repeat(100)]: '' }],
  ['names that objects have', { constructor: 'a', toJSON: 'b', hasOwnProperty: 'c' }],
  ['8 KiB as JSON', { h: 'x'.repeat(8 * 1024 - '{"h":""}'.length) }],
  ['any text', { 'ü 😀': 'a\nb"' }],
])('%s pass, and read back the same', (_, headers) => {
  expect(JSON.parse(checkHeaders(headers))).toEqual(headers)
})

test.each<[string, unknown, string, RegExp]>([
  ['null', null, 'OPTION', /^headers must be an object of strings, not of type null$/],
  ['text', 'secret', 'OPTION', /^headers must be an object of strings, not of type string$/],
  ['a list', ['secret'], 'OPTION', /^headers must be an object of strings, not of type array$/],
  ['33 of them', many(33), 'OPTION', /^there are 33 headers; the limit is 32$/],
  ['an empty name', { '': '' }, 'OPTION', /^header name "" must have 1 to 100 characters$/],
  ['a long name', { ['x'.repeat(101)]: '' }, 'OPTION', /^header name "x{60}…" must have 1 to 100/],
  ['a number', { a: 7 }, 'OPTION', /^header "a" must be a string, not of type number$/],
  ['undefined', { a: undefined }, 'OPTION', /^header "a" must be a string, not of type undefined$/],
  ['null inside', { a: null }, 'OPTION', /^header "a" must be a string, not of type null$/],
  ['an object', { a: { b: 'secret' } }, 'OPTION', /^header "a" must be a string, not of type obj/],
  ['a Map', new Map([['a', 'secret']]), 'VALUE_UNSUPPORTED', /^headers is an instance of Map/],
  ['Headers', new Headers({ a: 'secret' }), 'VALUE_UNSUPPORTED', /^headers is an instance of Head/],
  ['NUL', { a: 'secret\0' }, 'VALUE_NUL', /^headers\.a holds a string with U\+0000/],
  ['NUL in a name', { 'a\0': '' }, 'VALUE_NUL', /^headers holds a key with U\+0000/],
  ['half a pair', { a: '\ud83d' }, 'VALUE_LONE_SURROGATE', /^headers\.a holds a string with half/],
  ['__proto__', JSON.parse('{"__proto__":"a"}'), 'VALUE_PROTO_KEY', /^headers has an own key/],
  ['too much', { h: 'x'.repeat(8 * 1024) }, 'VALUE_TOO_LARGE', /^headers is 8200 bytes of JSON; /],
])('%s is refused, and no value is shown', (_, headers, code, says) => {
  expect(() => checkHeaders(headers)).toThrow(
    expect.objectContaining({
      code: code === 'OPTION' ? 'JOBS_INVALID_OPTION' : `JOBS_${code}`,
      message: expect.stringMatching(says) as string,
    }),
  )
  expect(() => checkHeaders(headers)).not.toThrow(/secret/)
})
