import { expect, test } from 'vitest'
import { toDbError } from '../src/driver-error.ts'

test.each([
  ['ECONNREFUSED', 'DB_CONNECTION_FAILED'],
  ['EADDRNOTAVAIL', 'DB_CONNECTION_FAILED'],
  ['EMFILE', 'DB_CONNECTION_FAILED'],
  ['ENFILE', 'DB_CONNECTION_FAILED'],
  ['ECONNRESET', 'DB_CONNECTION_LOST'],
  ['EHOSTDOWN', 'DB_CONNECTION_LOST'],
  ['ENETDOWN', 'DB_CONNECTION_LOST'],
  ['ENOBUFS', 'DB_CONNECTION_LOST'],
])('%s of a socket is %s, and may pass', (code, expected) => {
  const error = Object.assign(new Error(`connect ${code}`), { code, syscall: 'connect' })
  expect(toDbError(error)).toMatchObject({ code: expected, retryable: true })
})

test.each([
  ['58030', true], // io_error
  ['53300', true], // too_many_connections
  ['28P01', false], // invalid_password
  ['22P02', false], // invalid_text_representation
])(
  'of what the server says with SQLSTATE %s it is told whether it may pass: %s',
  (code, retryable) => {
    const error = Object.assign(new Error('refused'), { code, severity: 'ERROR' })
    expect(toDbError(error)).toMatchObject({ code, retryable })
  },
)
