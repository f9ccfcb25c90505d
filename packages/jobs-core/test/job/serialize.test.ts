import { DEFAULT_SIZES, type JobsError } from '@cgk/jobs-core'
import { describe, expect, test } from 'vitest'
import { serialize } from '../../src/job/serialize.ts'

function refusal(value: unknown, sizes = DEFAULT_SIZES): JobsError {
  try {
    serialize(value, 'payload', sizes)
  } catch (error) {
    return error as JobsError
  }
  throw new Error('expected the value to be refused')
}

function nested(levels: number): unknown {
  let value: unknown = 1
  for (let level = 0; level < levels; level++) value = [value]
  return value
}

describe('serialize', () => {
  const values: readonly unknown[] = [
    null,
    true,
    '',
    'text',
    0,
    -1.5,
    1e308,
    Number.MAX_SAFE_INTEGER,
    [],
    {},
    [[[]]],
    { a: [{ b: null }] },
    { constructor: 1, toString: 2, hasOwnProperty: 3 },
    { 'a.b': { '': 1, ' ': 2, é: '😀' } },
    Object.assign(Object.create(null) as object, { a: 1 }),
  ]
  test.each(values.map((value) => ({ value })))('what passes comes back equal: $value', (given) => {
    expect(JSON.parse(serialize(given.value, 'payload', DEFAULT_SIZES))).toEqual(given.value)
  })

  test('properties that hold undefined are absent afterwards', () => {
    expect(serialize({ a: undefined, b: 1 }, 'payload', DEFAULT_SIZES)).toBe('{"b":1}')
  })

  test('an object with toJSON is what that returns', () => {
    const value = { url: new URL('https://example.com/a'), money: { toJSON: () => ({ cents: 5 }) } }
    expect(JSON.parse(serialize(value, 'payload', DEFAULT_SIZES))).toEqual({
      url: 'https://example.com/a',
      money: { cents: 5 },
    })
  })

  test('what toJSON returns is checked too', () => {
    expect(refusal({ at: { toJSON: () => ({ n: Number.NaN }) } })).toMatchObject({
      code: 'JOBS_VALUE_NOT_FINITE',
      message: expect.stringMatching(/^payload\.at\.n is NaN/) as string,
    })
  })

  test('an array cannot smuggle anything past the check with a toJSON of its own', () => {
    const array = Object.assign([1], { toJSON: () => undefined })
    expect(refusal({ array }).code).toMatch(/^JOBS_VALUE_/)
  })

  test('a value that cannot even be read is refused as such', () => {
    const value = {
      get secret(): never {
        throw new Error('hands off')
      },
    }
    expect(refusal(value)).toMatchObject({ name: 'JobsError', cause: new Error('hands off') })
  })

  test('an object used twice without a cycle passes', () => {
    const shared = { a: 1 }
    expect(serialize([shared, shared], 'payload', DEFAULT_SIZES)).toBe('[{"a":1},{"a":1}]')
  })

  test('a value that unfolds without end is refused for its size in no time', () => {
    let value: unknown = 0
    for (let level = 0; level < 60; level++) value = [value, value]
    expect(refusal(value).code).toBe('JOBS_VALUE_TOO_LARGE')
  })

  test('depth is counted in levels of arrays and objects, up to the limit and no further', () => {
    expect(serialize(nested(64), 'payload', DEFAULT_SIZES)).toHaveLength(129)
    expect(refusal(nested(65))).toMatchObject({
      code: 'JOBS_VALUE_TOO_DEEP',
      message: expect.stringContaining('64') as string,
    })
  })

  test('size is counted in UTF-8 bytes of the JSON text, up to the limit and no further', () => {
    const sizes = { ...DEFAULT_SIZES, payloadBytes: 12 }
    for (const [fits, exceeds] of [
      ['a'.repeat(10), 'a'.repeat(11)],
      ['é'.repeat(5), `${'é'.repeat(5)}a`],
      ['€€€a', '€€€é'],
      ['😀😀aa', '😀😀aaa'],
    ] as const) {
      expect(Buffer.byteLength(serialize(fits, 'payload', sizes))).toBe(12)
      expect(refusal(exceeds, sizes)).toMatchObject({
        code: 'JOBS_VALUE_TOO_LARGE',
        message: expect.stringMatching(
          /^payload is 1[34] bytes of JSON; the limit is 12\b/,
        ) as string,
      })
    }
  })

  test('the path names keys and indexes, and quotes what is no identifier', () => {
    expect(refusal({ orders: [{}, { 'line items': [{ qty: 1n }] }] }).message).toBe(
      'payload.orders[1]["line items"][0].qty is a BigInt; JSON has none, convert it to a string',
    )
  })

  test('a hostile key cannot make the message long', () => {
    const value = { ['k'.repeat(100_000)]: { [`"${'k'.repeat(100_000)}`]: 1n } }
    expect(refusal(value).message.length).toBeLessThan(300)
  })

  test('a hostile depth cannot make the message long', () => {
    let value: unknown = 1n
    for (let level = 0; level < 60; level++) value = { abcdefghij: value }
    expect(refusal(value).message.length).toBeLessThan(400)
  })
})
