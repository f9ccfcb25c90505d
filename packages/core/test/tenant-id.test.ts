import { InvalidTenantIdError, parseTenantId } from '@cgk/core'
import { describe, expect, test } from 'vitest'

describe('parseTenantId', () => {
  test.each([
    'rawdog',
    'cgk-linens',
    'a',
    '0',
    'tenant_1',
    '9-9',
    'a'.repeat(64),
    '0198c0de-0000-7000-8000-000000000000',
  ])('accepts %j', (id) => {
    expect(parseTenantId(id)).toBe(id)
  })

  test.each([
    [''],
    ['a'.repeat(65)],
    ['Rawdog'],
    ['a:b'],
    ['*'],
    ['a b'],
    ['a{b}'],
    ["o'brien"],
    ['a$$b'],
    ['-a'],
    ['_a'],
    ['a\n'],
    ['é'],
    ['a\0'],
    [undefined],
    [null],
    [7],
    [['rawdog']],
    [{ toString: () => 'rawdog' }],
  ])('refuses %j and says the rule', (id) => {
    expect(() => parseTenantId(id)).toThrow(InvalidTenantIdError)
    expect(() => parseTenantId(id)).toThrow(
      /is not a tenant id: 1 to 64 characters of a-z, 0-9, - and _, the first a letter or a digit$/,
    )
  })

  test('the error carries a stable code and never more of the id than an id may have', () => {
    const error = thrown(() => parseTenantId('x'.repeat(10_000)))
    expect(error).toMatchObject({ code: 'CORE_INVALID_TENANT_ID', name: 'InvalidTenantIdError' })
    expect(error.message.length).toBeLessThan(250)
  })
})

function thrown(fn: () => unknown): Error {
  try {
    fn()
  } catch (error) {
    return error as Error
  }
  throw new Error('expected the call to throw')
}
