import type { JobsErrorCode } from '@cgk/jobs-core'

/** What must never show in a message. */
export const SECRET = 'hunter2'

/** One value that no payload may hold. */
export interface BadValue {
  readonly name: string
  /** Made anew for each use, within an object that also holds the secret. */
  readonly make: () => unknown
  readonly code: JobsErrorCode
  /** The path after the subject. */
  readonly path: string
  /** Words of the message that say what kind of value it is, or which limit it breaks. */
  readonly says: RegExp
  /** The value itself, where that is not the secret. */
  readonly hides?: string
}

const around = (value: unknown) => (): unknown => ({ secret: SECRET, list: [SECRET, { value }] })
const PATH = '.list[1].value'

function cycle(): unknown {
  const value: Record<string, unknown> = { secret: SECRET }
  value['list'] = [{ value }]
  return value
}

function nested(levels: number): unknown {
  let value: unknown = SECRET
  for (let level = 0; level < levels; level++) value = { in: value }
  return value
}

class Money {
  readonly secret = SECRET
}

/** Every way in which a value cannot be stored. */
export const BAD_VALUES: readonly BadValue[] = [
  {
    name: 'undefined in an array',
    make: around([undefined]),
    code: 'JOBS_VALUE_UNDEFINED',
    path: `${PATH}[0]`,
    says: /undefined/,
  },
  {
    name: 'a BigInt',
    make: around(123_456_789n),
    code: 'JOBS_VALUE_BIGINT',
    path: PATH,
    says: /BigInt/,
    hides: '123456789',
  },
  {
    name: 'a Date',
    make: around(new Date(0)),
    code: 'JOBS_VALUE_DATE',
    path: PATH,
    says: /Date/,
  },
  {
    name: 'an invalid Date',
    make: around(new Date(Number.NaN)),
    code: 'JOBS_VALUE_DATE',
    path: PATH,
    says: /Date/,
  },
  {
    name: 'NaN',
    make: around(Number.NaN),
    code: 'JOBS_VALUE_NOT_FINITE',
    path: PATH,
    says: /NaN/,
  },
  {
    name: 'Infinity',
    make: around(Infinity),
    code: 'JOBS_VALUE_NOT_FINITE',
    path: PATH,
    says: /Infinity/,
  },
  {
    name: 'minus Infinity',
    make: around(-Infinity),
    code: 'JOBS_VALUE_NOT_FINITE',
    path: PATH,
    says: /-Infinity/,
  },
  {
    name: 'a Map',
    make: around(new Map([[SECRET, SECRET]])),
    code: 'JOBS_VALUE_UNSUPPORTED',
    path: PATH,
    says: /an instance of Map/,
  },
  {
    name: 'a Set',
    make: around(new Set([SECRET])),
    code: 'JOBS_VALUE_UNSUPPORTED',
    path: PATH,
    says: /an instance of Set/,
  },
  {
    name: 'bytes',
    make: around(new Uint8Array(3)),
    code: 'JOBS_VALUE_UNSUPPORTED',
    path: PATH,
    says: /an instance of Uint8Array/,
  },
  {
    name: 'an error',
    make: around(new Error(SECRET)),
    code: 'JOBS_VALUE_UNSUPPORTED',
    path: PATH,
    says: /an instance of Error/,
  },
  {
    name: 'an instance of a class',
    make: around(new Money()),
    code: 'JOBS_VALUE_UNSUPPORTED',
    path: PATH,
    says: /an instance of Money/,
  },
  {
    name: 'a promise',
    make: around(Promise.resolve(SECRET)),
    code: 'JOBS_VALUE_UNSUPPORTED',
    path: PATH,
    says: /an instance of Promise/,
  },
  {
    name: 'a function',
    make: around(() => SECRET),
    code: 'JOBS_VALUE_UNSUPPORTED',
    path: PATH,
    says: /a function/,
  },
  {
    name: 'a symbol',
    make: around(Symbol(SECRET)),
    code: 'JOBS_VALUE_UNSUPPORTED',
    path: PATH,
    says: /a symbol/,
  },
  {
    name: 'a cycle',
    make: cycle,
    code: 'JOBS_VALUE_CYCLE',
    path: '.list[0].value.list[0].value.list',
    says: /refers back to an object that contains it/,
  },
  {
    name: 'a toJSON that throws',
    make: around({
      toJSON() {
        throw new Error(SECRET)
      },
    }),
    code: 'JOBS_VALUE_TO_JSON_THREW',
    path: PATH,
    says: /toJSON method that threw/,
  },
  {
    name: 'U+0000 in a value',
    make: around(`${SECRET}\0`),
    code: 'JOBS_VALUE_NUL',
    path: PATH,
    says: /a string with U\+0000/,
  },
  {
    name: 'U+0000 in a key',
    make: around({ [`${SECRET}\0`]: 1 }),
    code: 'JOBS_VALUE_NUL',
    path: PATH,
    says: /a key with U\+0000/,
  },
  {
    name: 'half a surrogate pair in a value',
    make: around(`${SECRET}\ud83d`),
    code: 'JOBS_VALUE_LONE_SURROGATE',
    path: PATH,
    says: /a string with half a surrogate pair/,
  },
  {
    name: 'half a surrogate pair in a key',
    make: around({ [`\ude00${SECRET}`]: 1 }),
    code: 'JOBS_VALUE_LONE_SURROGATE',
    path: PATH,
    says: /a key with half a surrogate pair/,
  },
  {
    name: 'an own key __proto__',
    make: around(JSON.parse(`{"__proto__":{"admin":"${SECRET}"}}`)),
    code: 'JOBS_VALUE_PROTO_KEY',
    path: PATH,
    says: /own key "__proto__"/,
  },
  {
    name: '65 levels',
    make: () => nested(65),
    code: 'JOBS_VALUE_TOO_DEEP',
    path: '.in.in',
    says: /64 levels/,
  },
  {
    name: 'more than 256 KiB',
    make: around(SECRET.repeat(40_000)),
    code: 'JOBS_VALUE_TOO_LARGE',
    path: '',
    says: /280\d\d\d bytes of JSON; the limit is 262144/,
  },
  {
    name: '100 MB',
    make: around('x'.repeat(100_000_000)),
    code: 'JOBS_VALUE_TOO_LARGE',
    path: '',
    says: /more than 4194304 bytes of JSON; the limit is 262144/,
  },
]
