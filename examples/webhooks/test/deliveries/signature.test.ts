import { expect, test } from 'vitest'
import { isSignedBy, sign } from '../../src/deliveries/signature.ts'

const body = '{"zen":"Speak like a human."}'

test('a signature is what GitHub documents for its test values', () => {
  expect(sign('Hello, World!', "It's a Secret to Everybody")).toBe(
    'sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17',
  )
})

test('a body is signed by the secret that signed it', () => {
  expect(isSignedBy('a secret', body, sign(body, 'a secret'))).toBe(true)
})

test('another secret, another body and a shorter signature are refused', () => {
  expect(isSignedBy('a secret', body, sign(body, 'another secret'))).toBe(false)
  expect(isSignedBy('a secret', `${body} `, sign(body, 'a secret'))).toBe(false)
  expect(isSignedBy('a secret', body, sign(body, 'a secret').slice(0, -1))).toBe(false)
})

test('text outside of ASCII is signed as its UTF-8 bytes', () => {
  expect(isSignedBy('a secret', '{"name":"Zoë 🐕"}', sign('{"name":"Zoë 🐕"}', 'a secret'))).toBe(
    true,
  )
})
