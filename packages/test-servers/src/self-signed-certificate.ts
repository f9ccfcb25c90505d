import { generateKeyPairSync, randomBytes, sign } from 'node:crypto'

/** A certificate and its key, both PEM. */
export interface Certificate {
  readonly certificate: string
  readonly key: string
}

const ECDSA_WITH_SHA256 = '2a8648ce3d040302'
const COMMON_NAME = '550403'
const SUBJECT_ALTERNATIVE_NAME = '551d11'

/**
 * A certificate that nobody vouches for but itself, valid from 2000 to 2049.
 *
 * @param host - the one name that it is for
 * @see RFC 5280, section 4.1
 */
export function createSelfSignedCertificate(host: string): Certificate {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'prime256v1' })
  const algorithm = sequence(objectId(ECDSA_WITH_SHA256))
  const name = sequence(der(SET, sequence(objectId(COMMON_NAME), der(UTF8_STRING, text(host)))))
  const names = sequence(der(DNS_NAME, text(host)))
  const extension = sequence(objectId(SUBJECT_ALTERNATIVE_NAME), der(OCTET_STRING, names))
  const toBeSigned = sequence(
    der(VERSION, der(INTEGER, Buffer.from([2]))), // Version 3 is counted from 0.
    der(INTEGER, Buffer.from([1]), randomBytes(8)),
    algorithm,
    name,
    sequence(der(UTC_TIME, text('000101000000Z')), der(UTC_TIME, text('491231235959Z'))),
    name,
    publicKey.export({ type: 'spki', format: 'der' }),
    der(EXTENSIONS, sequence(extension)),
  )
  const signature = sign('sha256', toBeSigned, privateKey)
  const unusedBits = Buffer.from([0])
  const certificate = sequence(toBeSigned, algorithm, der(BIT_STRING, unusedBits, signature))
  return {
    certificate: pem('CERTIFICATE', certificate),
    key: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
  }
}

// Tags of ASN.1, and of the fields that RFC 5280 numbers.
const INTEGER = 0x02
const BIT_STRING = 0x03
const OCTET_STRING = 0x04
const OBJECT_ID = 0x06
const UTF8_STRING = 0x0c
const UTC_TIME = 0x17
const SEQUENCE = 0x30
const SET = 0x31
const DNS_NAME = 0x82
const VERSION = 0xa0
const EXTENSIONS = 0xa3

function der(tag: number, ...content: readonly Buffer[]): Buffer {
  const body = Buffer.concat(content)
  return Buffer.concat([Buffer.from([tag, ...derLength(body.length)]), body])
}

function derLength(length: number): readonly number[] {
  if (length < 0x80) return [length]
  return length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff]
}

function sequence(...content: readonly Buffer[]): Buffer {
  return der(SEQUENCE, ...content)
}

function objectId(hex: string): Buffer {
  return der(OBJECT_ID, Buffer.from(hex, 'hex'))
}

function text(value: string): Buffer {
  return Buffer.from(value)
}

function pem(label: string, content: Buffer): string {
  const lines = content.toString('base64').match(/.{1,64}/g) ?? []
  return [`-----BEGIN ${label}-----`, ...lines, `-----END ${label}-----`, ''].join('\n')
}
