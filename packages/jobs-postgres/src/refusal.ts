import type { DbError } from '@cgk/db'

/** What a function of the schema said when it raised one of our own SQLSTATEs, `CGK…`: JSON, as the detail. */
export function refusalOf({ detail }: DbError): unknown {
  return detail === undefined ? {} : (JSON.parse(detail) as unknown)
}
