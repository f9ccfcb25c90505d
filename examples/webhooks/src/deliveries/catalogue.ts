import { createRequire } from 'node:module'
import * as v from 'valibot'

const require = createRequire(import.meta.url)

/** One payload as GitHub sent it: its text, and the event it was sent for. */
export interface CataloguePayload {
  readonly event: string
  readonly body: string
}

const Catalogue = v.array(
  v.object({ name: v.string(), examples: v.array(v.record(v.string(), v.unknown())) }),
)

/**
 * The payloads of `@octokit/webhooks-examples`. The package is three megabytes of JSON with types to
 * match; read as data, it costs the compiler nothing.
 */
export function loadCatalogue(): readonly CataloguePayload[] {
  const data: unknown = require('@octokit/webhooks-examples')
  return v
    .parse(Catalogue, data)
    .flatMap(({ name, examples }) =>
      examples.map((payload) => ({ event: name, body: JSON.stringify(payload) })),
    )
}
