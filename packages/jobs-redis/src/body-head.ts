import type { Extras } from './encode-job.ts'

/** What the body of a job says before its payload; see `lua/jobs.ts`. */
export interface BodyHead {
  readonly text: string
  readonly createdAt: number
  readonly extras: Extras
  readonly tenantId: string | null
  readonly name: string
}

const NO_EXTRAS: Extras = Object.freeze({})

/** The payload is what follows the head's text. */
export function readHead(body: string): BodyHead {
  const extrasAt = body.indexOf('\n') + 1
  const tenantAt = body.indexOf('\n', extrasAt) + 1
  const nameAt = body.indexOf('\n', tenantAt) + 1
  const payloadAt = body.indexOf('\n', nameAt) + 1
  const extras = body.slice(extrasAt, tenantAt - 1)
  return {
    text: body.slice(0, payloadAt),
    createdAt: Number(body.slice(0, extrasAt - 1)),
    extras: extras === '' ? NO_EXTRAS : (JSON.parse(extras) as Extras),
    tenantId: body.slice(tenantAt, nameAt - 1) || null,
    name: body.slice(nameAt, payloadAt - 1),
  }
}
